"""Label Studio's JSON: key points, choices of what is not there, text areas; ``openmolmo data import`` reads it back.

A task has one question at most, so that questions about one picture are several tasks. ``config.xml`` is the
labelling interface that shows them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

from openmolmo.engine.studio.exporting.examples import StudioExample
from openmolmo.engine.studio.exporting.pixmo import picture_place
from openmolmo.engine.studio.exporting.staging import Stage
from openmolmo.records.example import Caption, Counting, Example, NotPresent, Pointing, QuestionAnswer, Transcript

__all__ = ["write_label_studio"]

_CONFIG = """<View>
  <Image name="image" value="$image" zoom="true"/>
  <KeyPointLabels name="label" toName="image">
{labels}
  </KeyPointLabels>
  <Choices name="not_present" toName="image" choice="multiple">
{absent}
  </Choices>
  <TextArea name="caption" toName="image" rows="6"/>
  <TextArea name="transcript" toName="image" rows="6"/>
  <TextArea name="question" toName="image"/>
  <TextArea name="answer" toName="image"/>
</View>
"""


def write_label_studio(stage: Stage, examples: Iterable[StudioExample]) -> None:
    """``label-studio.json`` and ``config.xml``; pictures lie in ``pictures/``."""
    tasks: list[dict[str, Any]] = []
    labels: dict[str, None] = {}
    absent: dict[str, None] = {}
    for one in examples:
        for results in _results(one.example):
            assert one.example.image is not None
            for number, result in enumerate(results):
                result["id"] = f"{len(tasks) + 1}-{number}"
                _note(result, labels, absent)
            data = {"image": picture_place(one.example.image), "openmolmo_id": one.example.id}
            annotation = {"id": len(tasks) + 1, "was_cancelled": False, "result": results}
            tasks.append({"id": len(tasks) + 1, "data": data, "annotations": [annotation]})
    stage.write("label-studio.json", (json.dumps(tasks, indent=1, ensure_ascii=False) + "\n").encode())
    config = _CONFIG.format(labels=_tags("Label", labels), absent=_tags("Choice", absent))
    stage.write("config.xml", config.encode())


def _results(example: Example) -> Iterator[list[dict[str, Any]]]:
    """The results of each task: all marks and texts together, then a task for each question."""
    assert example.image is not None
    size = {"original_width": example.image.width, "original_height": example.image.height, "image_rotation": 0}
    first: list[dict[str, Any]] = []
    for one in example.annotations:
        match one:
            case Pointing(label=label, points=points) | Counting(label=label, points=points):
                for point in points:
                    value = {"x": point.x, "y": point.y, "width": 0.5, "keypointlabels": [label]}
                    first.append({**_head("label", "keypointlabels"), **size, "value": value})
            case NotPresent(label=label):
                first.append({**_head("not_present", "choices"), "value": {"choices": [label]}})
            case Caption(text=text):
                first.append(_text("caption", text))
            case Transcript(text=text):
                first.append(_text("transcript", text))
    if first:
        yield first
    for one in example.annotations:
        if isinstance(one, QuestionAnswer) and one.answers:
            yield [_text("question", one.question), _text("answer", one.answers[0])]


def _head(name: str, kind: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "image", "type": kind, "origin": "manual"}


def _text(name: str, text: str) -> dict[str, Any]:
    return {**_head(name, "textarea"), "value": {"text": [text]}}


def _note(result: dict[str, Any], labels: dict[str, None], absent: dict[str, None]) -> None:
    value = result["value"]
    labels |= dict.fromkeys(value.get("keypointlabels", ()))
    absent |= dict.fromkeys(value.get("choices", ()))


def _tags(name: str, values: Iterable[str]) -> str:
    return "\n".join(f"    <{name} value={quoteattr(value)}/>" for value in sorted(values))
