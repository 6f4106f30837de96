"""Settings of a studio: one file ``studio.yaml`` in its folder, which ``serve`` and every ``worker`` read."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from openmolmo.core.config import Config, from_dict, to_dict
from openmolmo.core.errors import ConfigError
from openmolmo.core.files import atomic_file

__all__ = ["SETTINGS_FILE", "StudioSettings", "read_settings", "write_settings"]

SETTINGS_FILE = "studio.yaml"


@dataclass(frozen=True, kw_only=True)
class StudioSettings(Config):
    """What holds for a whole studio; options of annotation modes are a project's (``options.py``)."""

    directory: Path
    """The studio's folder: pictures, recordings, and the database where it is SQLite."""
    database: str = ""
    """Address of the database; empty is ``studio.sqlite`` in the folder."""
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    """How others reach the studio, for links; empty is host and port."""
    tls: str = "off"
    """``off``, ``self-signed``, or ``proxy``: something before the studio ends the encryption."""
    max_picture_mb: float = 32.0
    max_chunk_mb: float = 4.0
    """Largest piece of a recording (five seconds) that is taken."""
    max_recording_minutes: float = 30.0
    max_json_kb: float = 1024.0
    """Largest body of a JSON request."""
    lease_seconds: float = 1800.0
    """How long a task stays somebody's without a sign of life, where the mode has no time of its own."""
    job_lease_seconds: float = 60.0
    """After this time without a sign of life a worker's job is taken up again."""
    requests_per_minute: int = 600
    """Of one signed-in person; more is refused for a while."""
    sign_ins_per_minute: int = 10
    """Of one address."""
    llm: str = ""
    """A text-only LLM in the one-line form of ``engine.llm``; empty: none, drafts come from templates."""
    speech: str = "auto"
    """Driver that writes down recordings, a name of ``engine.speech``; ``auto`` is pocketsphinx where it is installed
    (rough, for the speaker to correct), else none."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and field.name != "port" and value <= 0:
                raise ConfigError(f"{field.name}={value} must be more than 0")
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port={self.port} must be 0-65535", fix="0 takes a free one")
        if self.tls not in ("off", "self-signed", "proxy"):
            raise ConfigError(f"tls={self.tls!r} is none of off, self-signed, proxy")

    @property
    def database_url(self) -> str:
        """The address of the database in full."""
        return self.database or f"sqlite:///{(self.directory / 'studio.sqlite').absolute()}"

    @property
    def address(self) -> str:
        """Where people find the studio, without a slash at its end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        # 0.0.0.0 is every address of this machine, and nobody's address.
        host = own_address() if self.host in EVERY_ADDRESS else self.host
        scheme = "https" if self.tls == "self-signed" else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"


EVERY_ADDRESS = ("0.0.0.0", "::")
"""Hosts that mean: listen at every address of this machine."""


def own_address() -> str:
    """This machine's address in its network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737)
        except OSError:
            return "127.0.0.1"  # no network
        return str(probe.getsockname()[0])


def read_settings(directory: Path, given: Mapping[str, Any] | None = None) -> StudioSettings:
    """Settings of the studio in ``directory``: what is ``given`` (None is not given), then its file, then defaults."""
    path = directory / SETTINGS_FILE
    try:
        written = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", fix="mend the file, or delete it for defaults") from error
    if not isinstance(written or {}, dict):
        raise ConfigError(f"{path} is {type(written).__name__}, must be lines of the form name: value")
    values = {**(written or {}), **{key: value for key, value in (given or {}).items() if value is not None}}
    found = from_dict(StudioSettings, {**values, "directory": directory}, where="")
    assert isinstance(found, StudioSettings)
    return found


def write_settings(settings: StudioSettings) -> Path:
    """Write what differs from the defaults; only its owner may read the file, for an address can hold a password."""
    plain = to_dict(StudioSettings(directory=settings.directory))
    values = {key: value for key, value in to_dict(settings).items() if value != plain[key]}
    path = settings.directory / SETTINGS_FILE
    with atomic_file(path) as temporary:
        temporary.write_text(yaml.safe_dump(values, sort_keys=True) if values else "", encoding="utf-8")
    path.chmod(0o600)
    return path
