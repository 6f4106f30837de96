"""Pictures named by an address that needs no network: ``data:`` and ``file:``."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from openmolmo.core.errors import ImageError

__all__ = ["beside", "from_address", "from_base64", "is_folder", "to_address"]

_BLANKS = str.maketrans("", "", " \t\r\n")
_URL_SAFE = str.maketrans("-_", "+/")


def from_address(text: str) -> bytes | str:
    """Bytes of a ``data:`` address, the path of a ``file:`` one; anything else, and any name of a file, as it is.

    ``"file:///home/me/a%20b.png"`` -> ``"/home/me/a b.png"``. Raises ImageError where the data are no base64 text.
    """
    scheme = text[:5].lower()
    if scheme == "data:":
        head, comma, body = text[5:].partition(",")
        if not comma:
            raise ImageError(f"{text[:40]!r} is no data address: it has no comma", kind="corrupt")
        return from_base64(unquote(body)) if head.lower().endswith(";base64") else unquote_to_bytes(body)
    if scheme == "file:" and not _is_file(text):
        return _file_path(text)
    return text


def to_address(data: bytes, media_type: str) -> str:
    """A picture inside a ``data:`` address; ``media_type`` as ``image/png``."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def beside(folder: Path, text: str) -> str:
    """A picture as a file in ``folder`` names it: a path relative to the folder, or an address, which stays."""
    addressed = text[:5].lower() in ("data:", "file:") and not _is_file(str(folder / text))
    return text if addressed else str(folder / text)


def is_folder(text: str) -> bool:
    """Whether a text is the path of a folder; an address or a text too long for a path is none."""
    try:
        return Path(text).is_dir()
    except (OSError, ValueError):
        return False


def from_base64(text: str) -> bytes:
    """The bytes of a base64 text, which may stand in lines, without its last signs (=), or in the form for URLs."""
    plain = text.translate(_BLANKS).translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(f"a picture's base64 text cannot be read: {error}", kind="corrupt") from error


def _file_path(text: str) -> str:
    """The name as it stands comes first: a file may really be called ``a%20b.png``."""
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ImageError(f"{text!r} is no address of a file: {error}", kind="missing") from error
    if parts.netloc not in ("", "localhost"):
        raise ImageError(
            f"{text!r} names a file on {parts.netloc!r}, not on this machine", kind="missing", fix="write file:///PATH"
        )
    literal = text[5:].removeprefix("//localhost").removeprefix("//") if text[5:].startswith("//") else text[5:]
    return literal if _is_file(literal) else unquote(parts.path)


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # too long, or with a sign that no path has
        return False
