"""A certificate of the studio's own, for a group in one network: encrypted, so that browsers give the microphone.

Nobody vouches for it, so each browser warns once; its fingerprint tells people that it is theirs.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from openmolmo.core.files import atomic_file

__all__ = ["Certificate", "own_certificate"]

_DAYS = 365
_RENEW_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Files in PEM form, and the SHA-256 fingerprint as browsers show it."""

    certificate: Path
    key: Path
    fingerprint: str


def own_certificate(directory: Path, names: tuple[str, ...]) -> Certificate:
    """The certificate in ``directory/tls``; made, or made anew, where there is none for ``names`` or it ends soon."""
    folder = directory / "tls"
    files = folder / "certificate.pem", folder / "key.pem"
    wanted = {"localhost", "127.0.0.1", "::1", socket.gethostname(), *names} - {"", "0.0.0.0", "::"}
    found = _usable(*files, wanted)
    if found is None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = _make(*files, sorted(wanted))
    digits = found.fingerprint(hashes.SHA256()).hex().upper()
    pairs = ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
    return Certificate(certificate=files[0], key=files[1], fingerprint=pairs)


def _usable(certificate: Path, key: Path, wanted: set[str]) -> x509.Certificate | None:
    if not (certificate.is_file() and key.is_file()):
        return None
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return None
    there = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    ends = found.not_valid_after_utc - datetime.timedelta(days=_RENEW_DAYS)
    return found if wanted <= there and ends > datetime.datetime.now(datetime.UTC) else None


def _make(certificate: Path, key: Path, names: list[str]) -> x509.Certificate:
    secret = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "openmolmo studio")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    plain = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with atomic_file(key) as temporary:
        temporary.write_bytes(plain)
    key.chmod(0o600)
    with atomic_file(certificate) as temporary:
        temporary.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return made


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
