"""Examples for the tests of this room: some by hand, all kinds by hypothesis."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from openmolmo.core.files import sha256_bytes
from openmolmo.records.example import (
    Caption,
    Counting,
    Dialogue,
    Example,
    ImageRef,
    Made,
    Mask,
    NotPresent,
    Point,
    PointExplanation,
    Pointing,
    Provenance,
    QuestionAnswer,
    Transcript,
)
from openmolmo.records.masks import encode


def picture(width: int = 12, height: int = 8, seed: int = 0, form: str = "JPEG") -> bytes:
    """The bytes of a small noise picture."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()


def image_ref(data: bytes | None = None, width: int = 12, height: int = 8) -> ImageRef:
    """An embedded picture with its true size and hash."""
    data = picture(width, height) if data is None else data
    return ImageRef(data=data, width=width, height=height, sha256=sha256_bytes(data))


BAR = encode(np.pad(np.ones((2, 12), bool), ((3, 3), (0, 0))))
"""Two full rows in the middle of a 12 x 8 picture."""

ALL_KINDS = (
    Caption(text="Two bars [on] a <wall>."),
    Transcript(text="so, um, two bars"),
    QuestionAnswer(question="What?", answers=("bar", "bars"), style="vqa2"),
    QuestionAnswer(question="Which?", options=("a", "b"), answer_index=1),
    Pointing(label="bar", points=(Point(50.0, 45.5), Point(10.0, 45.0)), masks=(BAR, BAR)),
    Counting(label="bar", count=2, points=(Point(50.0, 45.5), Point(10.0, 45.0)), question="How many bars?"),
    Counting(label="crowd", count=7),
    NotPresent(label="red bar", question="Point to the red bar."),
    PointExplanation(
        question="Where?",
        answer="It is <|POINT|>.",
        labels=("here",),
        points=((Point(50.0, 45.5),),),
        alts=("the bar",),
    ),
    Dialogue(turns=("Hi", "Hello")),
)


def example(number: int = 0, **changes: Any) -> Example:
    """A faultless example with every kind of annotation."""
    base = Example(
        id=f"e-{number}",
        image=image_ref(picture(seed=number)),
        annotations=ALL_KINDS,
        provenance=Provenance(
            dataset="bars",
            licence="CC0-1.0",
            made={item.kind: (Made.PROGRAM,) for item in ALL_KINDS},
            receipts={"audio_sha256": "ab"},
        ),
        facts={"bars": number, "nested": {"x": [1.5, None, "é"]}},
    )
    return base.replace(**changes)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLACES = st.builds(Point, st.floats(0, 100), st.floats(0, 100), st.integers(0, 3))
POINTS = st.lists(PLACES, max_size=4).map(tuple)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
MASKS = st.lists(
    st.builds(Mask, st.integers(0, 9), st.integers(0, 9), st.lists(st.integers(0, 9)).map(tuple)), max_size=2
).map(tuple)
OPTIONAL_TEXT = st.none() | TEXT
ANNOTATIONS = st.one_of(
    st.builds(Caption, text=TEXT, style=TEXT),
    st.builds(Transcript, text=TEXT),
    st.builds(
        QuestionAnswer, question=TEXT, answers=TEXTS, options=TEXTS, answer_index=st.none() | st.integers(), style=TEXT
    ),
    st.builds(Pointing, label=TEXT, points=POINTS, masks=MASKS, question=OPTIONAL_TEXT),
    st.builds(Counting, label=TEXT, count=st.integers(), points=POINTS, masks=MASKS, question=OPTIONAL_TEXT),
    st.builds(NotPresent, label=TEXT, question=OPTIONAL_TEXT),
    st.builds(
        PointExplanation,
        question=TEXT,
        answer=TEXT,
        labels=TEXTS,
        points=st.lists(POINTS, max_size=2).map(tuple),
        alts=TEXTS,
    ),
    st.builds(Dialogue, turns=TEXTS),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
SIZE = st.none() | st.integers(1, 2**31 - 1)
IMAGES = st.builds(
    ImageRef,
    data=st.none() | st.binary(max_size=20),
    path=OPTIONAL_TEXT,
    url=OPTIONAL_TEXT,
    width=SIZE,
    height=SIZE,
    sha256=OPTIONAL_TEXT,
).filter(lambda image: not (image.data is None and image.path is None and image.url is None))
PROVENANCES = st.builds(
    Provenance,
    dataset=TEXT,
    licence=TEXT,
    made=st.dictionaries(TEXT, st.lists(st.sampled_from(Made), max_size=3).map(tuple), max_size=3),
    image=TEXT,
    tool=TEXT,
    version=TEXT,
    receipts=st.dictionaries(TEXT, TEXT, max_size=2),
)
EXAMPLES = st.builds(
    lambda images, **values: Example(image=None, **values).replace(images=images),
    images=st.lists(IMAGES, max_size=3),
    id=TEXT,
    annotations=st.lists(ANNOTATIONS, max_size=3).map(tuple),
    provenance=PROVENANCES,
    split=st.sampled_from(["train", "validation", "test"]),
    facts=st.dictionaries(TEXT, JSON, max_size=2),
)
