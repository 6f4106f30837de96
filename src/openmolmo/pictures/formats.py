"""Formats by content: which are read, and what the others are called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from openmolmo.core.errors import ImageError

__all__ = ["FORMATS", "HEAD", "Format", "format_of", "refusal"]

HEAD = 64
"""Bytes from which a format can be told; 32 are enough for all that are read."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format that is read: how its files end, how they begin, and Pillow's class for them.

    The classes are called directly: Pillow's own choice warns on standard error above half of our limit,
    and loses pictures whose second view (MPO) is described badly.
    """

    name: str
    ending: str
    start: re.Pattern[bytes]
    reader: type[ImageFile]


def _format(name: str, ending: str, start: bytes, reader: type[ImageFile]) -> Format:
    return Format(name=name, ending=ending, start=re.compile(start, re.DOTALL), reader=reader)


# PostScript, PDF, icons and other formats that run programs or hold no photographs are left out.
FORMATS = {
    one.name: one
    for one in (
        _format("JPEG", ".jpg", rb"\xff\xd8\xff", JpegImageFile),
        _format("PNG", ".png", rb"\x89PNG\r\n\x1a\n", PngImageFile),
        _format("GIF", ".gif", rb"GIF8[79]a", GifImageFile),
        _format("WEBP", ".webp", rb"RIFF....WEBP", WebPImageFile),
        _format("BMP", ".bmp", rb"BM", BmpImageFile),
        _format("TIFF", ".tif", rb"II[*+]\0|MM\0[*+]|II\0\*|MM\*\0", TiffImageFile),
        _format("AVIF", ".avif", rb"....ftyp(?:avif|avis|(?:mif1|msf1)(?!.{0,48}(?:heic|heix|hevc)))", AvifImageFile),
        _format("JPEG2000", ".jp2", rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n", Jpeg2KImageFile),
        _format("PPM", ".ppm", rb"P[1-6f]\s", PpmImageFile),
    )
}
"""What is read, by Pillow's name of it."""

_READ = "use JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or JPEG 2000"
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (rb"\s*<(?:!doctype|html|\?xml|head|svg)", "holds markup (HTML, XML or SVG)",
     "probably an error page was saved; download the picture again"),
    (rb"%pdf|%!ps", "is a PDF or PostScript document", "convert the page to PNG or JPEG"),
    (rb"version https://git-lfs", "is a pointer of Git LFS, not the file itself", "run git lfs pull in its folder"),
    (rb"\0\x05\x16\x07", "is what a Mac keeps beside a file, no picture", "leave out files that begin with ._"),
    (rb"....ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)", "is a HEIC picture, which is not read here", "convert it to JPEG"),
    (rb"....ftyp", "is a video or another file of the MP4 kind, no picture", "take a frame of it"),
    (rb"\xff\n|\0\0\0\x0cjxl ", "is a JPEG XL picture, which is not read here", "convert it to PNG or JPEG"),
    (rb"riff....avi ", "is an AVI video, no picture", "take a frame of it"),
    (rb"\0\0\x01\0", "is an icon (ICO), which is not read here", "convert it to PNG"),
    (rb"8bps", "is a Photoshop file, which is not read here", "export it as PNG"),
    (rb"\x01\xda", "is an SGI picture, which is not read here", "convert it to PNG"),
    (rb"\n[\0-\x05]\x01[\x01-\x08]", "is a PCX picture, which is not read here", "convert it to PNG"),
    (rb"v/1\x01", "is an OpenEXR picture, which is not read here", "convert it to PNG"),
    (rb"pk\x03\x04|\x1f\x8b", "is a packed file (zip or gzip), no picture", "unpack it first"),
)  # fmt: skip
_BEGINS = re.compile(rb"\xff\xd8|\x89PNG|GIF8|RIFF|BM|II\*|MM\0\*")


def format_of(head: bytes) -> str | None:
    """The name of the format by the first bytes (``HEAD`` of them, or the whole file); None if it is not read."""
    return next((one.name for one in FORMATS.values() if one.start.match(head)), None)


def refusal(head: bytes, name: str) -> ImageError:
    """Why a file with these first bytes is not read; ``name`` is what it is called."""
    for start, what, fix in _OTHERS:
        if re.match(start, head, re.DOTALL | re.IGNORECASE):
            return ImageError(f"{name} {what}; it starts with {head[:12]!r}", kind="not_an_image", fix=fix)
    if _BEGINS.match(head):
        return broken_header(head, name)
    what = f"{name} is no picture format that is read here; it starts with {head[:12]!r}"
    return ImageError(what, kind="not_an_image", fix=_READ)


def broken_header(head: bytes, name: str) -> ImageError:
    """It begins as a picture does and does not go on as one."""
    what = f"{name} starts like a picture but its header cannot be read (first bytes {head[:12]!r})"
    return ImageError(what, kind="corrupt", fix="get the file again")
