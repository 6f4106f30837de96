"""Damaged and invented files: a picture or an ImageError, the same by every way, never anything else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odd_pictures import EXIF, ODD, jpeg_with_app1
from openmolmo.core.errors import ImageError
from openmolmo.pictures import FORMATS, format_of, header_size, open_image, reduced, verify
from openmolmo.pictures.addresses import from_address, from_base64, to_address

LIMIT = 1_000_000
WHOLE = sorted(name for name, odd in ODD.items() if odd.refused is None)
STARTS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF\x40\0\0\0WEBP",
    b"BM",
    b"II*\0",
    b"MM\0+",
    b"P5\n",
    b"P4 ",
    b"\0\0\0\x20ftypavif",
    b"\xff\x4f\xff\x51",
    b"\0\0\0\x0cjP  \r\n\x87\n",
)


def outcome(way: object, data: bytes) -> object:
    """The size of the picture, or the kind of the error; anything else is a failure of the test."""
    try:
        found = way(data)  # type: ignore[operator]
    except ImageError as error:
        assert error.kind and error.message
        return error.kind
    return found


def same_everywhere(data: bytes) -> None:
    size = outcome(lambda d: open_image(d, max_pixels=LIMIT).shape[1::-1], data)
    facts = outcome(lambda d: verify(d, max_pixels=LIMIT), data)
    assert size == (facts if isinstance(facts, str) else (facts.width, facts.height))  # type: ignore[attr-defined]
    outcome(lambda d: header_size(d, max_pixels=LIMIT), data)
    if isinstance(size, tuple):
        assert outcome(lambda d: reduced(d, 16), data) is not None
        assert header_size(data) == size


@pytest.mark.filterwarnings("ignore")
@given(st.sampled_from(WHOLE), st.data())
@settings(max_examples=250, deadline=None)
def test_damaged_files(name: str, data: st.DataObject) -> None:
    content = bytearray(ODD[name].data)
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, min(len(content) - 1, 500)))] = data.draw(st.integers(0, 255))
    same_everywhere(bytes(content[: data.draw(st.integers(0, len(content)))]))


@pytest.mark.filterwarnings("ignore")
@given(st.sampled_from(STARTS), st.binary(max_size=120))
@settings(max_examples=250, deadline=None)
def test_invented_files(start: bytes, rest: bytes) -> None:
    assert format_of(start + b"\n" + rest) in {*FORMATS, None}
    same_everywhere(start + rest)


@pytest.mark.filterwarnings("ignore")
@given(st.sampled_from(sorted(EXIF)), st.data())
@settings(max_examples=150, deadline=None)
def test_no_metadata_loses_a_readable_picture(name: str, data: st.DataObject) -> None:
    body = bytearray.fromhex(EXIF[name])
    for _ in range(data.draw(st.integers(0, 8))):
        body[data.draw(st.integers(6, len(body) - 1))] = data.draw(st.integers(0, 255))
    image = jpeg_with_app1(bytes(body))
    assert sorted(open_image(image).shape) == [3, 20, 30]
    assert sorted((verify(image).width, verify(image).height)) == [20, 30]


@given(
    st.text(max_size=80)
    | st.text(max_size=40).map("data:;base64,{}".format)
    | st.text(max_size=40).map("file:{}".format)
)
@settings(max_examples=200, deadline=None)
def test_addresses(text: str) -> None:
    outcome(lambda d: from_address(text), b"")
    outcome(lambda d: from_base64(text), b"")
    outcome(lambda d: open_image(text), b"")


@given(st.binary(max_size=80))
def test_an_address_gives_back_what_was_put_in(data: bytes) -> None:
    assert from_address(to_address(data, "image/png")) == data
