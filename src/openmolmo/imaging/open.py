"""Reading pictures from anywhere, hostile files included."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from openmolmo.core.errors import ImageError
from openmolmo.imaging.jpeg import decode_jpeg

__all__ = ["MAX_PIXELS", "open_image"]

MAX_PIXELS = 178_000_000  # a 13,000 x 13,000 picture; 0.5 GB as 8-bit RGB

# PostScript, PDF, icons and other formats that run programs or hold no photographs are left out.
_COMMON_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM")
_OTHER_FORMATS = ("WEBP", "TIFF", "AVIF", "JPEG2000")

# What Pillow raises on damaged files, by its decoders' own account.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    AttributeError,
    OverflowError,
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

ImageSource = bytes | str | Path | PIL.Image.Image | npt.NDArray[Any]


def open_image(source: ImageSource, *, max_pixels: int = MAX_PIXELS, name: str | None = None) -> npt.NDArray[np.uint8]:
    """Read a picture as (height, width, 3) uint8 RGB, upright as its EXIF orientation says.

    ``source`` is the bytes of a file, a path, a Pillow image or an array (H, W), (H, W, 1), (H, W, 3)
    or (H, W, 4) of uint8, uint16, bool or floats in [0, 1]. Animations give their first frame,
    transparency is dropped, 16-bit values are scaled to 8. ``max_pixels`` is checked against the
    header before anything is decoded. ``name`` is what errors call the picture (default: its path).

    Raises ImageError with ``kind`` missing, empty, not_an_image, truncated, corrupt, too_large or unsupported.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels, name or "the array")
    if isinstance(source, PIL.Image.Image):
        return _from_pillow(source, max_pixels, name or "the Pillow image")
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_stream(io.BytesIO(source), len(source), max_pixels, name or f"the {len(source)} bytes given")
    if isinstance(source, str | Path):
        return _from_path(Path(source), max_pixels, name or str(source))
    raise ImageError(
        f"a picture of type {type(source).__name__} cannot be read",
        kind="unsupported",
        fix="give a path, the file's bytes, a Pillow image or a numpy array",
    )


def _from_path(path: Path, max_pixels: int, name: str) -> npt.NDArray[np.uint8]:
    if str(path).startswith(("http:/", "https:/")):
        raise ImageError(f"{name} is an address, not a file", kind="missing", fix="download it and give its path")
    try:
        if path.is_dir():
            raise ImageError(f"{name} is a folder, not a picture", kind="not_an_image", fix="give a file inside it")
        if path.exists() and not path.is_file():
            raise ImageError(f"{name} is a device or pipe, not a file", kind="not_an_image")
        with path.open("rb") as stream:
            return _from_stream(stream, path.stat().st_size, max_pixels, name)
    except FileNotFoundError as error:
        raise ImageError(
            f"there is no picture {name}", kind="missing", fix="check the path; it is relative to the current folder"
        ) from error
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise ImageError(f"{name} cannot be read: {error.strerror}", kind="missing") from error
    except ValueError as error:  # a NUL byte in the path
        raise ImageError(f"{name!r} is not a path: {error}", kind="missing") from error


def _from_stream(stream: Any, size: int, max_pixels: int, name: str) -> npt.NDArray[np.uint8]:
    if size == 0:
        raise ImageError(f"{name} is empty (0 bytes)", kind="empty", fix="the download or copy failed; get it again")
    with _decoding(name), _identify(stream, name) as image:
        pixels = _from_jpeg(image, stream, max_pixels, name)
        return _from_pillow(image, max_pixels, name) if pixels is None else pixels


def _from_jpeg(image: PIL.Image.Image, stream: Any, max_pixels: int, name: str) -> npt.NDArray[np.uint8] | None:
    """The quicker way for ordinary photographs, with the same result; None leaves the file to Pillow."""
    if (image.format, image.mode) != ("JPEG", "RGB"):
        return None
    _check_size(image.width, image.height, max_pixels, name)
    stream.seek(0)
    pixels = decode_jpeg(stream.read(), image.width, image.height)
    transpose = _TRANSPOSES.get(_orientation(image))
    if pixels is None or transpose is None:
        return pixels
    return np.array(PIL.Image.fromarray(pixels).transpose(transpose))


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Turn what Pillow raises on bombs and damaged files into ImageError."""
    try:
        yield
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{name} is refused by Pillow: {error}", kind="too_large", fix="make the picture smaller before using it"
        ) from error
    except MemoryError as error:
        raise ImageError(f"{name} does not fit into memory: {error}", kind="too_large") from error
    except _DECODER_ERRORS as error:
        raise _damage(error, name) from error


def _identify(stream: Any, name: str) -> PIL.Image.Image:
    """Open by content, never by the name's ending; formats beyond the common ones are loaded when needed."""
    try:
        return PIL.Image.open(stream, formats=_COMMON_FORMATS)
    except PIL.UnidentifiedImageError:
        PIL.Image.init()
    stream.seek(0)
    try:
        return PIL.Image.open(stream, formats=[f for f in _OTHER_FORMATS if f in PIL.Image.OPEN])
    except PIL.UnidentifiedImageError as error:
        stream.seek(0)
        raise _not_an_image(stream.read(64), name) from error


def _not_an_image(head: bytes, name: str) -> ImageError:
    start = head.lstrip()[:14].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<svg")):
        what, fix = "holds markup (HTML, XML or SVG)", "probably an error page was saved; download the picture again"
    elif start.startswith((b"%pdf", b"%!ps")):
        what, fix = "is a PDF or PostScript document", "convert the page to PNG or JPEG"
    elif head.startswith((b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*", b"MM\0*")):
        error = f"{name} starts like a picture but its header cannot be read (first bytes {head[:12]!r})"
        return ImageError(error, kind="corrupt", fix="get the file again")
    else:
        what, fix = "is no picture format that is read here", "use JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or JPEG 2000"
    return ImageError(f"{name} {what}; it starts with {head[:12]!r}", kind="not_an_image", fix=fix)


def _damage(error: Exception, name: str) -> ImageError:
    text = str(error) or type(error).__name__
    cut = isinstance(error, EOFError) or any(word in text.lower() for word in ("truncated", "eof", "not enough"))
    kind, what = ("truncated", "is cut short") if cut else ("corrupt", "is damaged")
    return ImageError(f"{name} {what}: {text}", kind=kind, fix="get the file again, or save it anew from its source")


def _from_pillow(image: PIL.Image.Image, max_pixels: int, name: str) -> npt.NDArray[np.uint8]:
    """Check the size, decode, convert to RGB, then turn upright: in that order, as released models saw it."""
    _check_size(image.width, image.height, max_pixels, name)
    with _decoding(name):
        image.load()
    _check_size(image.width, image.height, max_pixels, name)
    rgb = _to_rgb(image, name)
    transpose = _TRANSPOSES.get(_orientation(image))
    if transpose is not None:
        rgb = rgb.transpose(transpose)
    return np.array(rgb, dtype=np.uint8)


def _to_rgb(image: PIL.Image.Image, name: str) -> PIL.Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):
        return _wide_to_rgb(image)
    if image.mode == "P" and "transparency" in image.info:
        # Pillow warns when palette transparency is dropped, which is what we mean to do; the
        # caller's own image keeps it.
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


def _orientation(image: PIL.Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DECODER_ERRORS:
        return 1  # unreadable metadata does not spoil a readable picture
    return value if isinstance(value, int) else 1


def _check_size(width: int, height: int, max_pixels: int, name: str) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"{name} is {width}x{height} pixels, both must be at least 1", kind="empty")
    if width * height > max_pixels:
        raise ImageError(
            f"{name} is {width}x{height} = {width * height} pixels, the limit is {max_pixels}",
            kind="too_large",
            fix="make the picture smaller, or raise max_pixels if you trust it",
        )


def _wide_to_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """Grey pictures of 16 or 32 bits a pixel scaled to 8 (Pillow's own conversion would clip them to white)."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32), nan=0.0, posinf=65535.0, neginf=0.0)
    peak = float(values.max())
    if image.mode == "F" and peak <= 1:
        top = 1.0
    elif image.mode in ("I", "F") and peak <= 255:  # 8-bit values in a wide container
        top = 255.0
    else:
        top = max(65535.0, peak)
    grey = np.clip(np.rint(values * np.float32(255 / top)), 0, 255).astype(np.uint8)
    return PIL.Image.fromarray(grey).convert("RGB")


def _from_array(array: npt.NDArray[Any], max_pixels: int, name: str) -> npt.NDArray[np.uint8]:
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ImageError(
            f"{name} has shape {array.shape}, must be (height, width) or (height, width, 1, 3 or 4)",
            kind="unsupported",
        )
    _check_size(pixels.shape[1], pixels.shape[0], max_pixels, name)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    elif pixels.dtype == np.uint16:
        pixels = np.rint(pixels * np.float32(1 / 257)).astype(np.uint8)
    elif np.issubdtype(pixels.dtype, np.floating):
        low, high = float(pixels.min()), float(pixels.max())
        if not (low >= 0 and high <= 1):
            raise ImageError(
                f"{name} holds {pixels.dtype} from {low} to {high}, floats must lie in [0, 1]",
                kind="unsupported",
                fix="divide by 255, or give uint8",
            )
        pixels = np.rint(pixels * 255).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        raise ImageError(f"{name} holds {pixels.dtype}, must be uint8, uint16, bool or float", kind="unsupported")
    colours = pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels, 3, axis=2)
    return np.array(colours, dtype=np.uint8, order="C")
