"""From the bytes of a file to pixels as a model sees them: RGB, upright, transparency dropped."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

import PIL.Image

from openmolmo.core.errors import ImageError
from openmolmo.pictures.depth import is_wide, wide_to_rgb
from openmolmo.pictures.formats import FORMATS, HEAD, broken_header, format_of, refusal
from openmolmo.pictures.png_metadata import without_metadata

__all__ = [
    "DAMAGE",
    "MAX_PIXELS",
    "check_size",
    "decode",
    "decoding",
    "hidden_by_transparency",
    "turned",
    "upright",
    "upright_rgb",
]

T = TypeVar("T")

MAX_PIXELS = 178_000_000
"""The one limit on width x height: a 13,000 x 13,000 picture, 0.5 GB as 8-bit RGB."""

# What Pillow raises on damaged files, by its decoders' own account.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    struct.error,
    zlib.error,
)

_TRANSPOSES = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112

Use = Callable[[PIL.Image.Image], T]


def decode(stream: BinaryIO, max_pixels: int, name: str, use: Use[T]) -> T:
    """What ``use`` makes of the picture in ``stream``, whose header is read and whose size is allowed.

    Raises ImageError, which calls the picture ``name``: it is none, too large or damaged.
    """
    head = stream.read(HEAD)
    if not head:
        raise ImageError(f"{name} is empty (0 bytes)", kind="empty", fix="the download or copy failed; get it again")
    kind = format_of(head)
    if kind is None:
        raise refusal(head, name)
    try:
        return _decode_as(kind, stream, max_pixels, name, use)
    except ImageError as error:
        if kind != "PNG" or error.kind not in ("corrupt", "truncated"):
            raise
        stream.seek(0)
        plain = without_metadata(stream.read())
        if plain is None:
            raise
        try:
            return _decode_as(kind, io.BytesIO(plain), max_pixels, name, use)
        except ImageError:
            raise error from None


def _decode_as(kind: str, stream: BinaryIO, max_pixels: int, name: str, use: Use[T]) -> T:
    with decoding(name):
        stream.seek(0)
        try:
            image = FORMATS[kind].reader(stream, "")
        except (SyntaxError, LookupError, TypeError, struct.error) as error:
            if "pixel mode" in str(error):
                raise _unsupported(name, error) from error
            stream.seek(0)
            raise broken_header(stream.read(HEAD), name) from error
        with image:
            check_size(image.width, image.height, max_pixels, name)
            return use(image)


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn what Pillow raises on bombs and damaged files into ImageError."""
    try:
        yield
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{name} is refused by Pillow: {error}", kind="too_large", fix="make the picture smaller before using it"
        ) from error
    except MemoryError as error:
        raise ImageError(f"{name} does not fit into memory: {error}", kind="too_large") from error
    except DAMAGE as error:
        raise _damage(error, name) from error


def _damage(error: Exception, name: str) -> ImageError:
    text = str(error) or type(error).__name__
    if "unsupported" in text.lower():
        return _unsupported(name, error)
    cut = isinstance(error, EOFError) or any(word in text.lower() for word in ("truncated", "eof", "not enough"))
    kind, what = ("truncated", "is cut short") if cut else ("corrupt", "is damaged")
    return ImageError(f"{name} {what}: {text}", kind=kind, fix="get the file again, or save it anew from its source")


def _unsupported(name: str, error: Exception) -> ImageError:
    return ImageError(
        f"{name} keeps its pixels in a form that is not read here: {error}",
        kind="unsupported",
        fix="save it as an 8-bit RGB picture",
    )


def check_size(width: int, height: int, max_pixels: int, name: str) -> None:
    """Raise ImageError unless there is at least a pixel, and no more than ``max_pixels``."""
    if width < 1 or height < 1:
        raise ImageError(f"{name} is {width}x{height} pixels, both must be at least 1", kind="empty")
    if width * height > max_pixels:
        raise ImageError(
            f"{name} is {width}x{height} = {width * height} pixels, the limit is {max_pixels}",
            kind="too_large",
            fix="make the picture smaller, or raise max_pixels if you trust it",
        )


def upright_rgb(image: PIL.Image.Image, max_pixels: int, name: str) -> PIL.Image.Image:
    """Check the size, decode, convert to RGB, then turn upright: in that order, as released models saw it."""
    check_size(image.width, image.height, max_pixels, name)
    with decoding(name):
        image.load()
    check_size(image.width, image.height, max_pixels, name)
    return upright(_to_rgb(image, name), image)


def upright(rgb: PIL.Image.Image, image: PIL.Image.Image) -> PIL.Image.Image:
    """``rgb`` turned as the EXIF orientation of ``image`` says; metadata that cannot be read says nothing."""
    transpose = _TRANSPOSES.get(_orientation(image))
    return rgb if transpose is None else rgb.transpose(transpose)


def _to_rgb(image: PIL.Image.Image, name: str) -> PIL.Image.Image:
    """Transparency is dropped, never composed: what lies under it is what released models saw."""
    if image.mode == "RGB":
        return image
    if is_wide(image.mode):
        with decoding(name):
            return wide_to_rgb(image, name)
    if "transparency" in image.info:
        # Pillow warns when palette transparency is dropped, which is what we mean to do, and stumbles over odd
        # values of it; the caller's own image keeps it.
        image = image.copy()
        del image.info["transparency"]
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise ImageError(
            f"{name} has the colour mode {image.mode}, which does not convert to RGB: {error}",
            kind="unsupported",
            fix="save it as an RGB picture",
        ) from error


def hidden_by_transparency(image: PIL.Image.Image, rgb: PIL.Image.Image) -> bool:
    """Whether a decoded ``image`` shows people something else than ``rgb``, which a model sees of it:

    all of it is transparent, or the drawing is in the transparency alone and its colours are all one.
    """
    try:
        if "transparency" not in image.info and not image.mode.endswith(("A", "a")):
            return False
        low, high = image.convert("RGBA").getchannel("A").getextrema()
    except DAMAGE:
        return False
    if low == 255:
        return False
    return high == 0 or all(len(set(rgb.getchannel(channel).getextrema())) == 1 for channel in range(3))


def _orientation(image: PIL.Image.Image) -> int:
    """The EXIF orientation, 1-8; 1 where the metadata says none or cannot be read, which spoils no picture."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except DAMAGE:
        return 1
    return value if isinstance(value, int) and value in _TRANSPOSES else 1


def turned(image: PIL.Image.Image) -> bool:
    """Whether turning upright swaps the width and height that Pillow says; of a TIFF it says the upright ones."""
    return image.format != "TIFF" and _orientation(image) >= 5
