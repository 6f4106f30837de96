"""Where a picture may be had without asking its host: folders of files, and mirrors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from openmolmo.core.errors import ConfigError
from openmolmo.pictures import FORMATS

__all__ = ["candidates", "check_mirrors", "mirror_urls"]

_ENDINGS = ("", ".jpeg", *(one.ending for one in FORMATS.values()))
_FIELDS = ("{url}", "{sha256}", "{url_sha256}", "{host}", "{path}")


def check_mirrors(mirrors: tuple[str, ...]) -> None:
    """Each mirror is a folder that exists, or an http address with a field such as ``{sha256}``."""
    for mirror in mirrors:
        if mirror.startswith(("http://", "https://")):
            if not any(field in mirror for field in _FIELDS):
                raise ConfigError(
                    f"mirror={mirror!r} says nothing of the picture", fix=f"put one of {', '.join(_FIELDS)} into it"
                )
        elif not Path(mirror).is_dir():
            raise ConfigError(f"mirror={mirror!r} is neither a folder nor an http address", fix="check the path")


def candidates(folder: Path, url: str, expected: str | None) -> Iterator[Path]:
    """Files of a folder that may be the picture of ``url``, those that exist.

    By the hash of the file or of the URL (with or without an ending; also in folders by the first two digits),
    by host and path (as ``wget -x`` lays them out), and by the last part of the
    path where a hash on record proves that it is the one.
    """
    names = [hashlib.sha256(url.encode()).hexdigest()]
    if expected is not None:
        names.insert(0, expected)
    paths = [folder / sub / f"{name}{ending}" for name in names for sub in ("", name[:2]) for ending in _ENDINGS]
    parts = _parts(url)
    inside = unquote(parts.path).lstrip("/")
    if inside and ".." not in inside.split("/"):
        paths.append(folder / parts.netloc / inside)
        if expected is not None:
            paths.append(folder / inside.rpartition("/")[2])
    yield from (path for path in paths if _is_file(path))


def mirror_urls(mirrors: tuple[str, ...], url: str, expected: str | None) -> Iterator[str]:
    """The addresses of mirrors with their fields filled in; those that need a hash are left out without one."""
    parts = _parts(url)
    values = {
        "{url}": quote(url, safe=""),
        "{url_sha256}": hashlib.sha256(url.encode()).hexdigest(),
        "{host}": parts.netloc,
        "{path}": parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else ""),
        "{sha256}": expected or "",
    }
    for mirror in mirrors:
        if not mirror.startswith(("http://", "https://")) or ("{sha256}" in mirror and expected is None):
            continue
        for field, value in values.items():
            mirror = mirror.replace(field, value)
        yield mirror


def _parts(url: str) -> SplitResult:
    """The parts of an address; empty ones for what is none (``http://[broken``)."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _is_file(path: Path) -> bool:
    """Whether a file is there; not for names that no file can have: too long, or with a zero byte."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
