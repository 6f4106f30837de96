"""The refusal to send pictures: a language model here reads text, whatever else it could read.

No supervision comes from a vision-language model. So nothing but text leaves: a part of a message that is a picture,
a sound or a file, bytes, or a picture written as text (a data URL, base64) is refused before any request is made.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from openmolmo.core.errors import PromptError
from openmolmo.pictures.formats import format_of

__all__ = ["PictureRefused", "plain_messages", "refuse_pictures"]

_ROLES = ("system", "developer", "user", "assistant")
_WHY = "language models here get text only, so that no vision-language model can have written supervision"
_FIX = "put what is known of the picture into words: a caption, lines of text read in it, a label"

_INVISIBLE = dict.fromkeys([0xAD, 0x34F, 0x61C, *range(0x200B, 0x2010), *range(0x2060, 0x2065), 0xFEFF])
_GAPS = re.compile(r"\s+")
# Base64 of anything, or a picture in markup; the type may be left out, as the standard allows.
_DATA_URL = re.compile(
    r"data:[\w.+/-]*(?:;[\w.=+/-]+)*;base64,|data:image/[\w.+-]+(?:;[\w.=+-]+)*,[<%\ufffd\x89\xff]", re.I
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}")
_HEAD = 64  # signs of base64 that give the 48 bytes by which a format is told
_OTHER_FILES = re.compile(rb"%PDF|....ftyp|RIFF....(?:AVI |WAVE)|OggS|ID3|\x1a\x45\xdf\xa3", re.DOTALL)


class PictureRefused(PromptError):
    """Something other than text was about to be sent to a language model."""


def plain_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The messages as role and text. Raises PictureRefused for anything else in them, PromptError for no messages."""
    if not messages:
        raise PromptError("a request to a language model has no messages")
    plain = []
    for number, message in enumerate(messages, 1):
        if not isinstance(message, Mapping):
            raise PictureRefused(f"message {number} is {_type(message)}, not text: {_WHY}", fix=_FIX)
        role = message.get("role")
        if role not in _ROLES:
            raise PromptError(f"message {number} has the role {role!r}", fix=f"use one of {', '.join(_ROLES)}")
        others = sorted(set(message) - {"role", "content"})
        if others:
            raise PictureRefused(f"message {number} has {', '.join(others)} beside its text: {_WHY}", fix=_FIX)
        plain.append({"role": str(role), "content": _text(message.get("content"), number)})
    return plain


def refuse_pictures(value: Any, where: str) -> None:
    """Raise PictureRefused where a picture stands anywhere in ``value``: in texts, keys, lists and mappings."""
    for one in _leaves(value):
        if isinstance(one, str):
            _check(one, where)
        elif not (one is None or isinstance(one, (bool, int, float))):
            raise PictureRefused(f"{where} holds {_type(one)}, not text: {_WHY}", fix=_FIX)


def _text(content: Any, number: int) -> str:
    where = f"message {number}"
    if isinstance(content, str):
        _check(content, where)
        return content
    if not isinstance(content, (list, tuple)):
        raise PictureRefused(f"{where} is {_type(content)}, not text: {_WHY}", fix=_FIX)
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else _type(part)
        if not isinstance(part, Mapping) or kind != "text" or set(part) - {"type", "text"}:
            raise PictureRefused(f"{where} has a part of type {kind!r}: {_WHY}", fix=_FIX)
        texts.append(_text(part.get("text"), number))
    return "\n".join(texts)


def _check(text: str, where: str) -> None:
    for form in _forms(text):
        if _DATA_URL.search(form):
            raise PictureRefused(f"{where} has a data URL in its text, which may hold a picture: {_WHY}", fix=_FIX)
        for run in _BASE64.findall(form):
            if (what := _what_file(run)) is not None:
                raise PictureRefused(f"{where} has {what} in its text, as base64: {_WHY}", fix=_FIX)


def _forms(text: str) -> Iterator[str]:
    """The text as it stands, and as it reads once it is decoded: escapes, invisible signs and gaps hide nothing."""
    decoded = unquote(html.unescape(text)) if "%" in text or "&" in text else text
    if not decoded.isascii():
        decoded = unicodedata.normalize("NFKC", decoded).translate(_INVISIBLE)
    yield decoded
    if len(decoded) >= _HEAD:
        yield _GAPS.sub("", decoded)


def _what_file(run: str) -> str | None:
    """What a run of base64 decodes to, if that is a picture or another file that is not text."""
    # Words may have run together before it where gaps were taken out: each place is tried at which a file could begin.
    for start in _STARTS.finditer(run):
        piece = run[start.start() : start.start() + _HEAD].translate(_URL_SAFE)
        if len(piece) < _HEAD:
            return None
        try:
            head = base64.b64decode(piece, validate=True)
        except binascii.Error:
            continue
        name = format_of(head)
        if name in _SURE or (name in ("BMP", "PPM") and _is_bare(run)):
            return f"a {name} picture"
        if _OTHER_FILES.match(head):
            return "a file that is not text"
    return None


_URL_SAFE = str.maketrans("-_", "+/")
_SURE = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "JPEG2000")  # two letters begin a BMP: words do too
# As base64: JPEG, PNG, GIF, RIFF, TIFF, boxes of AVIF, HEIC and MP4, JPEG 2000, BMP, PPM, PDF, Ogg, MP3, Matroska.
_STARTS = re.compile(
    r"[/_]9j|iVBORw0KGgo|R0lGOD|UklGR|SUkq|TU0A|AAAA(?:.[GWm2]Z0eX|DGpQ)|[/_]0[/_]|Qk|UD[E-Z]|JVBERi|T2dnU|SUQz|GkXfo"
)


def _is_bare(run: str) -> bool:
    """Whether a run is surely base64, by its mixture of signs: long words of one case are not."""
    return bool(re.search(r"\d", run) and re.search(r"[a-z]", run) and re.search(r"[A-Z]", run))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _type(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__
