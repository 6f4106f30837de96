"""AI2D (Kembhavi et al., 2016): multiple choice about school diagrams.

Some questions name parts of the diagram by letters. The authors' release has the boxes of those labels: they
are drawn ``opaque`` (the label is hidden, only the letter shows) and ``transparent`` (both show); by default
both become examples. Validation is 384 pictures of our own choice among those that are not for test. The hub
has the test split with opaque boxes drawn in.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFont

from openmolmo.data.sources.ai2d_release import ai2d_release
from openmolmo.data.sources.answers import chosen
from openmolmo.data.sources.columns import ANY, PICTURE, TEXT, WHOLE, Row, fields, many
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.data.sources.reading import picture_of
from openmolmo.pictures import open_image
from openmolmo.records.example import Annotation, ImageRef, Made
from openmolmo.records.pictures import picture_bytes, unreadable_as_fault

__all__ = ["SOURCE"]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    options = row["options"]
    letters = all(re.fullmatch(r"[A-Za-z]", option.strip()) for option in options)
    if letters:  # the letter in the diagram is the answer: it gets no second one
        options = [option.strip().upper() for option in options]
    style = "ai2_diagram_no_letter" if letters else "ai2_diagram"
    yield from chosen(row["question"], options, int(row["answer"]), style)


def _keep(row: Row, reading: Reading) -> bool:
    return reading.form is None or row["boxes"] in ("none", reading.form)


def _picture(row: Row, reading: Reading) -> ImageRef | None:
    image = picture_of(row["image"], reading.folder)
    if image is None or row["boxes"] == "none":
        return image
    with unreadable_as_fault():
        drawn = Image.fromarray(open_image(picture_bytes(image) or b""))
    pen = ImageDraw.Draw(drawn)
    for label in row["labels"]:
        left, top, right, bottom = label["box"]
        box = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
        font = ImageFont.load_default(max(10, round(0.8 * (box[3] - box[1]))))
        if row["boxes"] == "opaque":
            pen.rectangle(box, fill="white", outline="black")
            pen.text(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), label["letter"], "black", font, anchor="mm")
        else:
            pen.rectangle(box, outline="red")
            pen.text((box[0], box[1]), label["letter"], "red", font, anchor="rb")
    stream = io.BytesIO()
    drawn.save(stream, "PNG")
    return ImageRef(data=stream.getvalue(), width=drawn.width, height=drawn.height)


SOURCE = PublishedSet(
    name="ai2d",
    title="AI2D",
    home="https://prior.allenai.org/projects/diagram-understanding",
    elsewhere={"train": "train", "validation": "validation"},
    places={"test": HubPlace(repo="lmms-lab/ai2d", split="test")},
    layouts=(
        Layout(
            columns={
                "image": PICTURE,
                "question": TEXT,
                "options": many(TEXT),
                "answer": WHOLE,
                "boxes": TEXT,
                "labels": many(fields(letter=TEXT, box=many(ANY))),
            },
            annotate=_annotate,
            picture=_picture,
            group=("image", "boxes"),
            keep=_keep,
            keep_columns=("boxes",),
        ),
        Layout(
            columns={"image": PICTURE, "question": TEXT, "options": many(TEXT), "answer": ANY},
            annotate=_annotate,
            picture="image",
        ),
    ),
    licence="CC-BY-SA-4.0",
    made={"question_answer": (Made.WRITTEN,)},
    picture="diagram",
    forms=("opaque", "transparent"),
    reads=ai2d_release,
)
