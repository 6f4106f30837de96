"""Letters of any script on a picture: the fonts that this machine has, and what stands for a letter in none of them.

Pillow's own font has Latin letters without accents. For everything else the fonts in the places of the operating
system are looked through, once for each letter; a letter that none has is written as its number ("U+7EA2"), so that
nothing is shown as an empty box. Arabic and Indic letters join where Pillow has its "raqm" layout, as its wheels do.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import ImageDraw, ImageFont

__all__ = ["draw_text", "font_folders", "text_length"]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

logger = logging.getLogger(__name__)

_PROBE = 24  # pixels: enough to tell a letter from the box that stands for a missing one
_MOST_FILES = 4000
_NOBODYS = "\U0010fffe"  # no character: what a font draws for it is its sign for missing ones
# Fonts with many scripts, in this order before all others; parts of file names, in small letters.
_PREFERRED = (
    "dejavusans.ttf", "notosans-regular", "notosanscjk", "notosanssc", "notosanskr", "notosansjp", "notonaskharabic",
    "notosansarabic", "notosans", "droidsansfallback", "wqy", "arialuni", "arial unicode", "segoeui.ttf", "msyh",
    "malgun", "pingfang", "applesdgothicneo", "geezapro", "unifont",
)  # fmt: skip


def draw_text(pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, fill: str) -> None:
    """Write a line; ``place`` is its left end and the middle of its height, ``size`` that of its letters in pixels."""
    x, y = place
    for font, piece in _pieces(text, size):
        pen.text((x, y), piece, font=font, fill=fill, anchor="lm")
        x += pen.textlength(piece, font=font)


def text_length(pen: ImageDraw.ImageDraw, text: str, size: int) -> float:
    """How many pixels :func:`draw_text` takes."""
    return sum(pen.textlength(piece, font=font) for font, piece in _pieces(text, size))


def font_folders() -> list[Path]:
    """Where the operating system and the user keep fonts."""
    home = Path.home()
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    if sys.platform == "win32":
        system, local = os.environ.get("WINDIR", r"C:\Windows"), os.environ.get("LOCALAPPDATA", str(home))
        return [Path(system) / "Fonts", Path(local) / "Microsoft/Windows/Fonts"]
    data = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    own = os.environ.get("XDG_DATA_HOME") or str(home / ".local/share")
    return [*(Path(folder) / "fonts" for folder in (own, *data.split(":"))), home / ".fonts"]


def _pieces(text: str, size: int) -> Iterator[tuple[Font, str]]:
    """The text in runs of one font; one font for all of it where there is one, so that letters can join."""
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    letters = [sign for sign in dict.fromkeys(text) if not sign.isspace() and not _joins(sign)]
    for file in (None, *dict.fromkeys(_file_of(sign) for sign in letters)):
        if all(_has(file, sign) for sign in letters):
            yield _font(file, size), text
            return
    run = ""
    before: str | None = None
    for sign in text:
        file = before if sign.isspace() or _joins(sign) else _file_of(sign)
        shown = f"U+{ord(sign):04X} " if file == "" and not sign.isspace() else sign
        if run and file != before:
            yield _font(before or None, size), run
            run = ""
        run, before = run + shown, file
    yield _font(before or None, size), run


def _joins(sign: str) -> bool:
    """Signs without a shape of their own: joiners and the choice between forms of a sign."""
    return sign in "\u200c\u200d" or "\ufe00" <= sign <= "\ufe0f"


@functools.lru_cache(maxsize=4096)
def _file_of(sign: str) -> str | None:
    """The font file that has a letter: None for Pillow's own font, "" if there is none."""
    if _has(None, sign):
        return None
    for file in _files():
        if _has(file, sign):
            return file
    _say_once(sign)
    return ""


@functools.lru_cache(maxsize=1)
def _said() -> list[str]:
    return []


def _say_once(sign: str) -> None:
    """The first letter that no font has; further ones would say the same."""
    if not _said():
        _said().append(sign)
        logger.warning(
            "no font here has %s (U+%04X): letters like it are drawn as their numbers; installing fonts for them, "
            "such as Noto, helps",
            sign,
            ord(sign),
        )


@functools.lru_cache(maxsize=65536)
def _has(file: str | None, sign: str) -> bool:
    """Whether a font draws a sign otherwise than a missing one."""
    if file == "":
        return False
    try:
        font = _font(file, _PROBE)
        return bytes(font.getmask(sign)) != _missing(file)
    except (OSError, ValueError, UnicodeError):  # a font of bitmaps of another size, a damaged one
        return False


@functools.lru_cache(maxsize=256)
def _missing(file: str | None) -> bytes:
    return bytes(_font(file, _PROBE).getmask(_NOBODYS))


@functools.lru_cache(maxsize=64)
def _font(file: str | None, size: int) -> Font:
    return ImageFont.load_default(size) if file is None else ImageFont.truetype(file, size)


@functools.lru_cache(maxsize=1)
def _files() -> tuple[str, ...]:
    """The font files of this machine, those with many scripts first."""
    found = []
    for folder in font_folders():
        for suffix in ("*.ttf", "*.ttc", "*.otf"):
            found += sorted(folder.rglob(suffix)) if folder.is_dir() else []
    return tuple(str(path) for path in sorted(found[:_MOST_FILES], key=_rank))


def _rank(path: Path) -> tuple[int, str]:
    name = path.name.casefold()
    return next((place for place, part in enumerate(_PREFERRED) if part in name), len(_PREFERRED)), name
