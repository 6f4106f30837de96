"""Each odd file has one verdict and one picture: open_image, verify, header_size, thumbnail and reduced agree."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from odd_pictures import ODD, png_of_size
from openmolmo.core.errors import ImageError
from openmolmo.pictures import header_size, open_image, reduced, thumbnail, verify


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", ODD)
def test_one_verdict_and_the_right_picture(name: str) -> None:
    odd = ODD[name]
    ways: list[Callable[[], object]] = [
        lambda: open_image(odd.data),
        lambda: verify(odd.data),
        lambda: thumbnail(odd.data, 64),
        lambda: reduced(odd.data, 8),
    ]
    if odd.refused:
        for way in ways:
            with pytest.raises(ImageError) as caught:
                way()
            assert caught.value.kind == odd.refused, caught.value
        return
    image = open_image(odd.data)
    width, height = odd.size
    assert image.shape == (height, width, 3)
    for place, colour in ((0, odd.left), (-1, odd.right)):
        if colour is not None:
            assert np.abs(image[height // 2, place].astype(int) - colour).max() <= 2, image[height // 2, place]
    facts = verify(odd.data)
    assert (facts.width, facts.height, facts.hidden) == (width, height, odd.hidden)
    assert header_size(odd.data) == (width, height)
    url, *size = thumbnail(odd.data, 64)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))
    assert size == [width, height] and np.abs(shown.astype(int) - image).mean() < 8
    small = np.asarray(reduced(odd.data, 8).resize((3, 3), Image.Resampling.BOX)).astype(int)
    assert np.abs(small - np.asarray(Image.fromarray(image).resize((3, 3), Image.Resampling.BOX))).max() < 12


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("signed16.tif", "signed numbers"),
        ("float-below-zero.tif", "from -1 to 1"),
        ("float-rgb.tif", "in a form that is not read here"),
        ("unsigned32.tif", "more than 16 bits"),
        ("icon.png", "an icon"),
        ("phone.heic", "HEIC"),
        ("new.jxl", "JPEG XL"),
        ("pointer.png", "Git LFS"),
        ("twin.jpg", "what a Mac keeps"),
        ("bomb.png", "178220000 pixels, the limit is 178000000"),
    ],
)
def test_refusals_name_what_it_is(name: str, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        open_image(ODD[name].data, name=name)


@pytest.mark.filterwarnings("error")
def test_large_pictures_under_the_limit_bring_no_warning() -> None:
    """Pillow warns above half of its limit, on standard error, where a user takes it for a fault."""
    data = png_of_size(12_000, 8_000)
    assert header_size(data) == (12_000, 8_000)
    with pytest.raises(ImageError) as caught:  # its data are missing, which is all that is wrong
        verify(data)
    assert caught.value.kind == "truncated"
