"""open_image: right pixels from every kind of file, and a clear refusal of every hostile one."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import ImageError
from openmolmo.imaging import CropConfig, cut_crops, make_plan
from openmolmo.pictures import open_image


def encode(image: PIL.Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture(width: int = 40, height: int = 30) -> PIL.Image.Image:
    rng = np.random.default_rng(0)
    small = PIL.Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return small.resize((width, height), PIL.Image.Resampling.BICUBIC)


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises width x height and whose data are a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")
    )


JPEG = encode(picture(), "JPEG", quality=90)
PNG = encode(picture(), "PNG")
FILES = {
    "jpeg": JPEG,
    "png": PNG,
    "gif": encode(picture(), "GIF"),
    "webp": encode(picture(), "WEBP"),
    "tiff": encode(picture(), "TIFF", compression="tiff_lzw"),
    "bmp": encode(picture(), "BMP"),
    "ppm": encode(picture(), "PPM"),
}


@pytest.mark.parametrize("kind", FILES)
def test_common_formats(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"  # the name's ending must not matter
    path.write_bytes(FILES[kind])
    expected = np.asarray(PIL.Image.open(io.BytesIO(FILES[kind])).convert("RGB"))
    for source in (FILES[kind], path, str(path), PIL.Image.open(path)):
        image = open_image(source)
        assert image.dtype == np.uint8 and image.flags.writeable and image.flags.c_contiguous
        np.testing.assert_array_equal(image, expected)


REFUSED: dict[str, tuple[bytes, str, str]] = {
    "zero bytes": (b"", "empty", "0 bytes"),
    "html": (b"\n<!DOCTYPE html><html><body>404 Not Found</body></html>", "not_an_image", "markup.*<!DOCTYPE"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "not_an_image", "markup"),
    "pdf": (b"%PDF-1.7 ...", "not_an_image", "PDF"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image", "PostScript"),
    "text": (b"hello, this is no picture", "not_an_image", "hello"),
    "jpeg without its end": (JPEG[:-100], "truncated", "truncated"),
    "jpeg header only": (JPEG[:30], "corrupt|truncated", "header|cut short"),
    "png cut in half": (PNG[: len(PNG) // 2], "truncated", "cut short"),
    "png with damaged data": (PNG[:60] + bytes(200) + PNG[260:], "corrupt|truncated", "damaged|cut short"),
    "gif header only": (FILES["gif"][:15], "corrupt|truncated", "damaged|cut short|header"),
    "bomb over our limit": (png_of_size(13_400, 13_300), "too_large", "13400x13300.*178220000.*178000000"),
    "bomb over Pillow's limit": (png_of_size(60_000, 60_000), "too_large", "3600000000"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("case", REFUSED)
def test_hostile_files_are_refused(case: str, tmp_path: Path) -> None:
    data, kinds, words = REFUSED[case]
    path = tmp_path / "hostile.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=words) as caught:
        open_image(path)
    assert caught.value.kind in kinds.split("|")
    assert "hostile.jpg" in str(caught.value)
    with pytest.raises(ImageError, match=words):
        open_image(data)


def test_missing_files_folders_and_addresses(tmp_path: Path) -> None:
    for source, kind, words in (
        (tmp_path / "none.png", "missing", "none.png"),
        (tmp_path, "not_an_image", "folder"),
        ("https://example.org/a.png", "missing", "download"),
        ("a\0b.png", "missing", "not a path"),
        ("/dev/zero", "not_an_image", "device"),
    ):
        with pytest.raises(ImageError, match=words) as caught:
            open_image(source)
        assert caught.value.kind == kind
    with pytest.raises(ImageError, match="int cannot be read"):
        open_image(7)  # type: ignore[arg-type]


def test_the_pixel_limit_is_the_caller_s(tmp_path: Path) -> None:
    for source in (PNG, picture(), np.asarray(picture())):
        with pytest.raises(ImageError, match="40x30 = 1200 pixels, the limit is 1000") as caught:
            open_image(source, max_pixels=1000)
        assert caught.value.kind == "too_large"
        assert open_image(source, max_pixels=1200).shape == (30, 40, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_once(kind: str, orientation: int) -> None:
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :12] = (255, 0, 0)
    upright[:8, 12:] = (0, 255, 0)
    undo: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    stored = PIL.Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    image = open_image(encode(stored, kind, exif=exif.tobytes()))
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 12  # JPEG and WebP blur the edges


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_unreadable_metadata_does_not_spoil_a_picture() -> None:
    broken = encode(picture(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert open_image(broken).shape == (30, 40, 3)


def test_an_animation_gives_its_first_frame() -> None:
    frames = [PIL.Image.new("RGB", (20, 10), colour) for colour in ("red", "blue", "lime")]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encode(
            frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
        )
        assert open_image(data)[5, 5].tolist() == [255, 0, 0]


def test_cmyk() -> None:
    image = open_image(encode(PIL.Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG", quality=95))
    assert image.shape == (9, 9, 3) and image[4, 4, 0] > 200 and image[4, 4, 2] < 60


def test_sixteen_bits_are_scaled_to_eight() -> None:
    ramp = np.array([[0, 257 * 3, 257 * 128, 65535]], np.uint16)
    for kind in ("PNG", "TIFF"):
        image = open_image(encode(PIL.Image.fromarray(ramp), kind))
        assert image[0].tolist() == [[v] * 3 for v in (0, 3, 128, 255)]
    assert open_image(ramp)[0, :, 0].tolist() == [0, 3, 128, 255]
    big_endian = b"P5 4 1 65535\n" + ramp.astype(">u2").tobytes()
    assert open_image(big_endian)[0, :, 0].tolist() == [0, 3, 128, 255]


def test_float_and_wide_integer_pictures() -> None:
    for values in (np.array([[0, 0.5, 1]], np.float32), np.array([[0, 127.6, 255]], np.float32)):
        assert open_image(PIL.Image.fromarray(values))[0, :, 1].tolist() == [0, 128, 255]
    assert open_image(PIL.Image.fromarray(np.array([[0, 128, 255]], np.int32)))[0, :, 1].tolist() == [0, 128, 255]
    assert open_image(PIL.Image.fromarray(np.array([[np.nan, 1]], np.float32)))[0, :, 0].tolist() == [0, 255]


def test_palette_with_transparency_drops_it_quietly() -> None:
    palette = picture().quantize(8)
    palette.info["transparency"] = bytes([0, 128, 255, 255])
    data = encode(palette, "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = open_image(data)
        np.testing.assert_array_equal(image, open_image(palette))
    assert "transparency" in palette.info  # the caller's image is left as it was
    np.testing.assert_array_equal(image, np.asarray(picture().quantize(8).convert("RGB")))


def test_transparency_is_dropped_not_composed() -> None:
    pixel = PIL.Image.new("RGBA", (3, 3), (200, 100, 50, 0))
    assert open_image(encode(pixel, "PNG"))[1, 1].tolist() == [200, 100, 50]
    grey = PIL.Image.new("LA", (3, 3), (90, 10))
    assert open_image(encode(grey, "PNG"))[1, 1].tolist() == [90, 90, 90]
    assert open_image(np.array(pixel))[1, 1].tolist() == [200, 100, 50]


@pytest.mark.parametrize("size", [(1, 1), (30_000, 10), (10, 30_000)])
def test_extreme_shapes_reach_the_crops(size: tuple[int, int]) -> None:
    image = open_image(encode(PIL.Image.new("RGB", size, "teal"), "PNG"))
    config = CropConfig(crop_size=112, margins=(2, 2), max_crops=6)
    crops = cut_crops(image, make_plan(*size, config), config)
    assert image.shape == (size[1], size[0], 3) and np.isfinite(crops.pixels).all()


def test_arrays() -> None:
    assert open_image(np.full((4, 5), 7, np.uint8)).tolist() == np.full((4, 5, 3), 7).tolist()
    assert open_image(np.ones((4, 5, 1), bool))[0, 0].tolist() == [255] * 3
    assert open_image(np.full((4, 5, 3), 0.5))[0, 0].tolist() == [128] * 3
    for array, words, kind in (
        (np.zeros((4, 5, 2), np.uint8), r"\(4, 5, 2\)", "unsupported"),
        (np.zeros((3,), np.uint8), r"\(3,\)", "unsupported"),
        (np.full((4, 5), 300.0), "300.0", "unsupported"),
        (np.full((4, 5), np.nan), "nan", "unsupported"),
        (np.zeros((4, 5), np.int64), "int64", "unsupported"),
        (np.zeros((0, 5, 3), np.uint8), "5x0", "empty"),
    ):
        with pytest.raises(ImageError, match=words) as caught:
            open_image(array)
        assert caught.value.kind == kind


def test_an_array_is_copied() -> None:
    source = np.zeros((4, 5, 3), np.uint8)
    open_image(source)[:] = 9
    assert source.max() == 0


def test_a_damaged_pillow_image_is_reported() -> None:
    lazy = PIL.Image.open(io.BytesIO(JPEG[:-100]))
    with pytest.raises(ImageError, match="truncated") as caught:
        open_image(lazy, name="upload 3")
    assert caught.value.kind == "truncated" and "upload 3" in str(caught.value)


def test_threads_read_at_the_same_time() -> None:
    jobs = [data for data in FILES.values() for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(open_image, jobs))
    assert all(np.array_equal(image, open_image(data)) for image, data in zip(images, jobs, strict=True))


@pytest.mark.filterwarnings("ignore")
@given(st.sampled_from(sorted(FILES)), st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_files_give_a_picture_or_an_image_error(kind: str, data: st.DataObject) -> None:
    content = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, min(len(content) - 1, 400)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        image = open_image(bytes(content[:cut]), max_pixels=1_000_000)
    except ImageError as error:
        assert error.kind and error.message
    else:
        assert image.ndim == 3 and image.dtype == np.uint8
