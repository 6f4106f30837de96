"""API keys: what is kept of each is its SHA-256, in a file that only its owner may read.

A key is 256 random bits, so a quick hash is enough: there is nothing to guess, other than with passwords.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import atomic_file

__all__ = ["APIKey", "Keys", "add_key", "hash_key", "read_keys", "remove_key"]

_NAME = re.compile(r"[\w.@-]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class APIKey:
    """Whose key it is, its SHA-256 in hex, and when it was made (Unix seconds)."""

    name: str
    sha256: str
    made: float = 0.0


def hash_key(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", errors="surrogatepass")).hexdigest()


def read_keys(path: Path) -> list[APIKey]:
    """Keys of a file, one JSON object a line. Raises DataError, which names the line; never what stands in it."""
    found = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the file of keys cannot be read: {error}", file=str(path), fix="make one: openmolmo serve keys add NAME"
        ) from error
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            key = APIKey(**json.loads(line))
            whole = bool(_NAME.fullmatch(key.name) and _HASH.fullmatch(key.sha256))
        except (ValueError, TypeError):
            whole = False
        if not whole:
            raise DataError("the line holds no key", file=str(path), row=row, fix="delete the line, make a new key")
        found.append(key)
    return found


def add_key(path: Path, name: str) -> str:
    """Make a key for ``name``; it is given back here and kept nowhere. Raises ConfigError for a name that is taken."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a key", fix="1-64 letters, digits and the signs . _ @ -")
    with _changing(path) as keys:
        if any(key.name == name for key in keys):
            raise ConfigError(f"there is a key called {name!r} already", fix="remove it first, or take another name")
        made = "sk-" + secrets.token_urlsafe(32)
        keys.append(APIKey(name, hash_key(made), round(time.time(), 3)))
    return made


def remove_key(path: Path, name: str) -> None:
    """Take a key away; a server that runs refuses it from its next request on."""
    with _changing(path) as keys:
        kept = [key for key in keys if key.name != name]
        if len(kept) == len(keys):
            known = ", ".join(key.name for key in keys) or "none"
            raise ConfigError(f"there is no key called {name!r}", fix=f"known: {known}")
        keys[:] = kept


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[list[APIKey]]:
    keys = read_keys(path) if path.exists() else []
    yield keys
    with atomic_file(path) as temporary:
        temporary.write_text("".join(json.dumps(asdict(key)) + "\n" for key in keys), encoding="utf-8")
    path.chmod(0o600)


@dataclass
class Keys:
    """Who may come in; everybody, where no key was made known at all."""

    fixed: tuple[str, ...] = ()
    path: Path | None = None
    _named: list[tuple[str, str]] = field(default_factory=list)
    _seen: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self._read()

    @property
    def asked_for(self) -> bool:
        """Whether a key is needed: an emptied file lets nobody in."""
        return bool(self.fixed) or self.path is not None

    def owner(self, key: str) -> str | None:
        """Whose key it is, or None. Every known one is compared, each in constant time."""
        with contextlib.suppress(DataError):  # half-edited by hand: the keys from before hold
            self._read()
        digest, found = hash_key(key), None
        for name, known in (*((f"key {i + 1}", one) for i, one in enumerate(self.fixed)), *self._named):
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def _read(self) -> None:
        if self.path is None:
            return
        try:
            facts = self.path.stat()
        except OSError:
            self._named, self._seen = [], None
            return
        now = (facts.st_mtime_ns, facts.st_ino)
        if now != self._seen:
            self._named = [(key.name, key.sha256) for key in read_keys(self.path)]
            self._seen = now
