"""The quick way to read JPEG files gives what Pillow gives, and leaves to Pillow what is unusual."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from openmolmo.core.errors import ImageError
from openmolmo.pictures import jpeg, open_image
from openmolmo.pictures.jpeg import decode_jpeg

IMAGES = Path(__file__).parents[1] / "fixtures" / "imaging" / "images"

pytest.importorskip("simplejpeg")


def encoded(width: int = 93, height: int = 61, mode: str = "RGB", **options: object) -> bytes:
    rng = np.random.default_rng(width)
    coarse = PIL.Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    stream = io.BytesIO()
    picture = coarse.resize((width, height), PIL.Image.Resampling.BICUBIC).convert(mode)
    picture.save(stream, "JPEG", **{"quality": 85, **options})
    return stream.getvalue()


def turned(orientation: int) -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    return encoded(exif=exif.tobytes())


FILES = {
    "4:2:0": encoded(),
    "4:2:2": encoded(subsampling=1),
    "4:4:4": encoded(subsampling=0),
    "progressive": encoded(progressive=True),
    "one quality lower": encoded(quality=30, optimize=True),
    "one pixel": encoded(1, 1),
    "a column": encoded(1, 300),
    "restart marks": encoded(restart_marker_rows=1),
    "grey": encoded(mode="L"),
    "four inks": encoded(mode="CMYK"),
    "no colour transform": encoded(keep_rgb=True),
    "something behind its end": encoded() + b"and more",
    **{f"turned {n}": turned(n) for n in range(1, 9)},
    **{path.name: path.read_bytes() for path in sorted(IMAGES.glob("*.jp*g"))},
}


@pytest.mark.parametrize("kind", FILES)
def test_the_same_bytes_with_and_without(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = open_image(FILES[kind])
    monkeypatch.setattr(jpeg, "_library", lambda: None)
    slow = open_image(FILES[kind])
    np.testing.assert_array_equal(quick, slow)
    assert quick.flags.writeable and quick.flags.c_contiguous


def test_ordinary_files_take_it_and_unusual_ones_do_not() -> None:
    assert decode_jpeg(FILES["4:2:0"], 93, 61) is not None
    assert decode_jpeg(FILES["4:2:0"], 93, 60) is None  # Pillow read another size
    for broken in (FILES["4:2:0"][:-200], FILES["4:2:0"][:20], b"", b"no picture"):
        assert decode_jpeg(broken, 93, 61) is None
    with pytest.raises(ImageError, match="truncated"):
        open_image(FILES["4:2:0"][:-200])
