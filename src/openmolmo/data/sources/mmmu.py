"""MMMU (Yue et al., 2024): college questions of thirty subjects; for evaluation only.

An example has one picture: of questions with several only the first is shown (about one in fourteen).
``config="Art"`` opens one subject, none all of them.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator

from openmolmo.core.errors import DataError
from openmolmo.data.sources.answers import asked, chosen
from openmolmo.data.sources.columns import PICTURE, TEXT, Row
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made

__all__ = ["SOURCE", "SUBJECTS"]

# fmt: off
SUBJECTS = (
    "Accounting", "Agriculture", "Architecture_and_Engineering", "Art", "Art_Theory", "Basic_Medical_Science",
    "Biology", "Chemistry", "Clinical_Medicine", "Computer_Science", "Design",
    "Diagnostics_and_Laboratory_Medicine", "Economics", "Electronics", "Energy_and_Power", "Finance",
    "Geography", "History", "Literature", "Manage", "Marketing", "Materials", "Math",
    "Mechanical_Engineering", "Music", "Pharmacy", "Physics", "Psychology", "Public_Health", "Sociology",
)
# fmt: on

_PLACE = re.compile(r"<image \d+>")
_PLACE_OUTSIDE = re.compile(r"\A(?:<image \d+>\s*)+|(?:\s*<image \d+>)+\Z")


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    question = _PLACE.sub("the image", _PLACE_OUTSIDE.sub("", row["question"].strip())).strip()
    options, answer = _list(row["options"], "options"), row["answer"].strip()
    if row["question_type"] == "multiple-choice" and answer in string.ascii_uppercase[: len(options)]:
        yield from chosen(question, options, string.ascii_uppercase.index(answer), "a_okvqa_mc")
    else:
        yield from asked(question, _list(answer, "answer") if answer.startswith("[") else [answer], "vqa2")


def _list(text: str, column: str) -> list[str]:
    """Lists are published as the text of a Python list."""
    try:
        return [str(value) for value in ast.literal_eval(text)]
    except (ValueError, SyntaxError, TypeError) as error:
        raise DataError(
            f"column {column} holds {text[:60]!r}, expected the text of a list", field=column, rule="column types"
        ) from error


SOURCE = PublishedSet(
    name="mmmu",
    title="MMMU",
    home="https://huggingface.co/datasets/MMMU/MMMU",
    places={
        "validation": HubPlace(repo="MMMU/MMMU", split="validation"),
    },
    layouts=(
        Layout(
            columns={
                "id": TEXT,
                "question": TEXT,
                "options": TEXT,
                "image_1": PICTURE,
                "answer": TEXT,
                "question_type": TEXT,
            },
            annotate=_annotate,
            picture="image_1",
            facts=("id", "question_type"),
        ),
    ),
    licence="Apache-2.0",
    made={"question_answer": (Made.WRITTEN,)},
    picture="from textbooks and exams",
    configs=SUBJECTS,
    evaluation_only=True,
)
