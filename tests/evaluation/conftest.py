"""A few generated scenes and hand-made clock questions, made once."""

from __future__ import annotations

import pytest

from openmolmo.core.files import sha256_bytes
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.records.example import Example, ImageRef, Made, Provenance, QuestionAnswer

COUNT = 12


@pytest.fixture(scope="session")
def scenes():
    return [make_example(GENERATORS.get("scenes"), 0, i, size=96, split="test") for i in range(COUNT)]


@pytest.fixture(scope="session")
def clocks(scenes):
    """Clock questions (the pictures are scenes: nobody here looks at them)."""
    made = Provenance(dataset="toy", licence="CC0-1.0", made={"question_answer": (Made.PROGRAM,)})
    examples = []
    for i, scene in enumerate(scenes):
        hour, minute = i % 12 + 1, 5 * i % 60
        image = ImageRef(data=scene.image.data, width=96, height=96, sha256=sha256_bytes(scene.image.data))
        asked = QuestionAnswer(question="What time is it?", answers=(f"It is {hour:02}:{minute:02}.",), style="clocks")
        facts = {"clock": {"hour": hour, "minute": minute, "second": None, "display": "analog"}} if i % 2 else {}
        examples.append(Example(id=f"clock-{i}", image=image, annotations=(asked,), provenance=made, facts=facts))
    return examples
