"""Odd picture files, small ones made here, with what is right for each: its size and colours, or why it is refused."""

from __future__ import annotations

import io
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["EXIF", "ODD", "Odd", "encode", "jpeg_with_app1", "png_chunk", "png_of_size", "ramp", "tiff"]

W, H = 30, 20
Colour = tuple[int, int, int]
BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (255, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Odd:
    """A file; its upright ``size`` and the colours half way down its ``left`` and ``right`` edge, or the kind of its
    refusal; ``hidden``: people see something else than the model."""

    data: bytes
    size: tuple[int, int] = (W, H)
    left: Colour | None = None
    right: Colour | None = None
    refused: str | None = None
    hidden: bool = False


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.copy().save(stream, form, **options)  # Pillow leaves the settings of one encoder in the image for the next
    return stream.getvalue()


def ramp(dtype: str, low: float, high: float) -> np.ndarray:
    """(20, 30): from ``low`` at the left to ``high`` at the right."""
    return np.tile(np.linspace(low, high, W), (H, 1)).astype(dtype)


def tiff(values: np.ndarray, *, bits: int, form: int, meaning: int, order: str = "<") -> bytes:
    """An uncompressed TIFF: ``form`` 1 unsigned, 2 signed, 3 float; ``meaning`` 0 white is zero, 1 black is, 2 RGB."""
    samples = values.shape[2] if values.ndim == 3 else 1
    body = values.astype(values.dtype.newbyteorder(order)).tobytes() if bits != 12 else _twelve(values)
    count = 10
    place = 8 + 2 + 12 * count + 4
    wide, kinds = (
        struct.pack(f"{order}{samples}H", *[bits] * samples),
        struct.pack(f"{order}{samples}H", *[form] * samples),
    )
    starts = place + len(wide) + len(kinds)

    def inline(packed: bytes, where: int) -> bytes:
        return struct.pack(f"{order}I", where) if len(packed) > 4 else packed.ljust(4, b"\0")

    entries = [
        (256, 3, 1, struct.pack(f"{order}HH", W, 0)),
        (257, 3, 1, struct.pack(f"{order}HH", H, 0)),
        (258, 3, samples, inline(wide, place)),
        (259, 3, 1, struct.pack(f"{order}HH", 1, 0)),
        (262, 3, 1, struct.pack(f"{order}HH", meaning, 0)),
        (273, 4, 1, struct.pack(f"{order}I", starts)),
        (277, 3, 1, struct.pack(f"{order}HH", samples, 0)),
        (278, 3, 1, struct.pack(f"{order}HH", H, 0)),
        (279, 4, 1, struct.pack(f"{order}I", len(body))),
        (339, 3, samples, inline(kinds, place + len(wide))),
    ]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, count)
    table = b"".join(struct.pack(f"{order}HHI", tag, kind, number) + value for tag, kind, number, value in entries)
    return head + table + bytes(4) + wide + kinds + body


def _twelve(values: np.ndarray) -> bytes:
    """Two values of 12 bits in three bytes."""
    first, second = values.astype(np.uint16).reshape(-1, 2).T
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1)
    return packed.astype(np.uint8).tobytes()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises width x height and whose data are a few bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(bytes(10))), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg_with_app1(body: bytes) -> bytes:
    """A red JPEG with this metadata."""
    plain = encode(Image.new("RGB", (W, H), "red"), "JPEG", quality=95)
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]


def _in_front_of_data(png: bytes, chunk: bytes) -> bytes:
    place = png.index(b"IDAT") - 4
    return png[:place] + chunk + png[place:]


EXIF: dict[str, str] = json.loads((Path(__file__).parent / "fixtures" / "pictures" / "exif.json").read_text())
"""Metadata as programs write it (hex); the orientation is 6 unless the name says something else."""

_UNTURNED = ("orientation-ascii", "orientation-nine")


def _exif(name: str) -> Odd:
    return Odd(
        data=jpeg_with_app1(bytes.fromhex(EXIF[name])),
        size=(W, H) if name in _UNTURNED else (H, W),
        left=RED,
        right=RED,
    )


def _refused(data: bytes, kind: str = "unsupported") -> Odd:
    return Odd(data=data, refused=kind)


def _turned(form: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(RAMP, form, exif=exif.tobytes())


GREY = ramp("u1", 0, 255)
RAMP = Image.fromarray(GREY).convert("RGB")
PLAIN = Image.new("RGB", (W, H), "red")
PNG, JPEG = encode(PLAIN, "PNG"), encode(RAMP, "JPEG", quality=95)
DISC = Image.fromarray(np.dstack([np.zeros((H, W, 3), np.uint8), ramp("u1", 0, 255)]))
BRIGHT = np.where(ramp("f4", 0, 1) > 0.9, np.float32(np.inf), ramp("f4", 0, 1))
UP = {"left": BLACK, "right": WHITE}
DOWN = {"left": WHITE, "right": BLACK}
LONG_TEXT = png_chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"workflow " * 200_000))
WRONG_TEXT = png_chunk(b"tEXt", b"a\0b")[:-4] + b"abcd"

ODD: dict[str, Odd] = {
    # what the numbers mean
    "grey16.png": Odd(data=encode(Image.fromarray(ramp("u2", 0, 65535)), "PNG"), **UP),
    "grey16.tif": Odd(data=tiff(ramp("u2", 0, 65535), bits=16, form=1, meaning=1), **UP),
    "grey16-big-endian.tif": Odd(data=tiff(ramp("u2", 0, 65535), bits=16, form=1, meaning=1, order=">"), **UP),
    "grey16.pgm": Odd(data=b"P5 30 20 65535\n" + ramp(">u2", 0, 65535).tobytes(), **UP),
    "dark16.pgm": Odd(data=b"P5 30 20 65535\n" + ramp(">u2", 0, 200).tobytes(), left=BLACK, right=(1, 1, 1)),
    "white-is-zero8.tif": Odd(data=tiff(GREY, bits=8, form=1, meaning=0), **DOWN),
    "white-is-zero16.tif": Odd(data=tiff(ramp("u2", 0, 65535), bits=16, form=1, meaning=0), **DOWN),
    "white-is-zero-float.tif": Odd(data=tiff(ramp("f4", 0, 1), bits=32, form=3, meaning=0), **DOWN),
    "grey12.tif": Odd(data=tiff(ramp("u2", 0, 4095), bits=12, form=1, meaning=1), **UP),
    "rgb16.tif": Odd(data=tiff(np.dstack([ramp("u2", 0, 65535)] * 3), bits=16, form=1, meaning=2), **UP),
    "float-shares.tif": Odd(data=tiff(ramp("f4", 0, 1), bits=32, form=3, meaning=1), **UP),
    "float-greys.tif": Odd(data=tiff(ramp("f4", 0, 255), bits=32, form=3, meaning=1), **UP),
    "float-wide.tif": Odd(data=tiff(ramp("f4", 0, 65535), bits=32, form=3, meaning=1), **UP),
    "float-below-zero.tif": _refused(tiff(ramp("f4", -1, 1), bits=32, form=3, meaning=1)),
    "float-light.tif": _refused(tiff(ramp("f4", 0, 5.3), bits=32, form=3, meaning=1)),
    "float-infinite.tif": _refused(tiff(BRIGHT, bits=32, form=3, meaning=1)),
    "float-rgb.tif": _refused(tiff(np.dstack([ramp("f4", 0, 1)] * 3), bits=32, form=3, meaning=2)),
    "signed16.tif": _refused(tiff(ramp("i2", -32767, 32767), bits=16, form=2, meaning=1)),
    "unsigned32.tif": _refused(tiff(ramp("u4", 0, 2**30), bits=32, form=1, meaning=1)),
    "one-bit.png": Odd(data=encode(Image.new("1", (W, H), 1), "PNG"), left=WHITE, right=WHITE),
    "inks.jpg": Odd(data=encode(Image.new("CMYK", (W, H), (0, 255, 255, 0)), "JPEG", quality=95)),
    "inks.tif": Odd(data=encode(Image.new("CMYK", (W, H), (0, 255, 255, 0)), "TIFF"), left=RED, right=RED),
    "lab.tif": Odd(data=encode(Image.new("LAB", (W, H), (120, 128, 128)), "TIFF")),
    # transparency
    "drawing-in-alpha.png": Odd(data=encode(DISC, "PNG"), left=BLACK, right=BLACK, hidden=True),
    "all-transparent.png": Odd(data=encode(Image.new("LA", (W, H), (90, 0)), "PNG"), left=(90, 90, 90), hidden=True),
    "opaque.png": Odd(data=encode(Image.new("RGBA", (W, H), (255, 0, 0, 255)), "PNG"), left=RED, right=RED),
    "see-through.gif": Odd(data=encode(Image.new("P", (W, H), 0), "GIF", transparency=0), left=BLACK, hidden=True),
    "palette.png": Odd(data=encode(RAMP.quantize(16), "PNG", transparency=bytes([0, 128, 255]))),
    # metadata
    **{f"exif-{name}.jpg": _exif(name) for name in EXIF},
    "turned.png": Odd(data=_turned("PNG", 6), size=(H, W)),
    "turned.webp": Odd(data=_turned("WEBP", 8), size=(H, W)),
    "turned.tif": Odd(data=_turned("TIFF", 5), size=(H, W)),
    "mirrored.jpg": Odd(data=_turned("JPEG", 2)),
    "long-text.png": Odd(data=_in_front_of_data(PNG, LONG_TEXT), left=RED, right=RED),
    "wrong-checksum-of-text.png": Odd(data=_in_front_of_data(PNG, WRONG_TEXT), left=RED, right=RED),
    # names and insides that differ, several pictures in one
    "really-png.jpg": Odd(data=PNG, left=RED, right=RED),
    "really-jpeg": Odd(data=JPEG),
    "moving.gif": Odd(data=encode(PLAIN, "GIF", save_all=True, append_images=[RAMP.copy()]), left=(255, 0, 0)),
    "moving.png": Odd(data=encode(PLAIN, "PNG", save_all=True, append_images=[RAMP.copy()]), left=RED, right=RED),
    "two-views.jpg": Odd(data=encode(RAMP, "MPO", save_all=True, append_images=[PLAIN.copy()], quality=95)),
    "pages.tif": Odd(data=encode(PLAIN, "TIFF", save_all=True, append_images=[RAMP.copy()]), left=RED, right=RED),
    "wave.jp2": Odd(data=encode(RAMP, "JPEG2000")),
    "garbage-behind.png": Odd(data=PNG + b"garbage" * 20, left=RED, right=RED),
    "garbage-behind.jpg": Odd(data=JPEG + b"garbage" * 20),
    # what is no picture that is read here
    "icon.png": _refused(encode(PLAIN.resize((32, 32)), "ICO"), "not_an_image"),
    "scan.png": _refused(encode(PLAIN, "TGA"), "not_an_image"),
    "fax.png": _refused(encode(PLAIN, "PCX"), "not_an_image"),
    "silicon.png": _refused(encode(PLAIN, "SGI"), "not_an_image"),
    "phone.heic": _refused(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "not_an_image"),
    "new.jxl": _refused(b"\xff\x0a" + bytes(50), "not_an_image"),
    "film.avi": _refused(b"RIFF\x10\0\0\0AVI LIST" + bytes(60), "not_an_image"),
    "page.jpg": _refused(b"\n<!DOCTYPE html><html><body>404</body></html>", "not_an_image"),
    "paper.pdf": _refused(b"%PDF-1.7 ...", "not_an_image"),
    "pointer.png": _refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "not_an_image"),
    "twin.jpg": _refused(bytes.fromhex("0005160700020000") + bytes(62), "not_an_image"),
    "nothing.png": Odd(data=b"", refused="empty"),
    # damage and bombs
    "cut.jpg": Odd(data=JPEG[:-60], refused="truncated"),
    "cut.png": Odd(data=PNG[:-25], refused="truncated"),
    "head-only.jpg": _refused(JPEG[:4], "corrupt"),
    "head-only.webp": Odd(data=b"RIFF\x10\0\0\0WEBPVP8 ", refused="corrupt"),
    "bomb.png": Odd(data=png_of_size(13_400, 13_300), refused="too_large"),
    "big-bomb.png": Odd(data=png_of_size(60_000, 60_000), refused="too_large"),
}  # fmt: skip
