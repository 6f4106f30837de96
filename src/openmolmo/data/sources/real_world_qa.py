"""RealWorldQA: questions on everyday photographs; for evaluation only.

The published question ends with an instruction, and its options are part of its text: both are taken apart,
so that they can be asked in the words a model knows (tags ``a_okvqa_mc`` and ``vqa2``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from openmolmo.data.sources.answers import asked, chosen
from openmolmo.data.sources.columns import PICTURE, TEXT, Row
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made

__all__ = ["SOURCE"]

_INSTRUCTION = re.compile(r"\s*Please answer directly with[^\n]*\Z")
_OPTION = re.compile(r"^([A-Z])\. (.+)$")


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    lines = [line.strip() for line in _INSTRUCTION.sub("", row["question"]).splitlines() if line.strip()]
    options = [match for line in lines if (match := _OPTION.match(line))]
    letters = [match[1] for match in options]
    answer = row["answer"].strip()
    if len(options) > 1 and answer in letters:
        question = "\n".join(line for line in lines if not _OPTION.match(line))
        yield from chosen(question, [match[2] for match in options], letters.index(answer), "a_okvqa_mc")
    else:
        yield from asked("\n".join(lines), [answer], "vqa2")


SOURCE = PublishedSet(
    name="real_world_qa",
    title="RealWorldQA",
    home="https://huggingface.co/datasets/xai-org/RealworldQA",
    places={"test": HubPlace(repo="xai-org/RealworldQA", split="test")},
    layouts=(
        Layout(columns={"image": PICTURE, "question": TEXT, "answer": TEXT}, annotate=_annotate, picture="image"),
    ),
    licence="CC-BY-ND-4.0",
    made={"question_answer": (Made.WRITTEN,)},
    evaluation_only=True,
)
