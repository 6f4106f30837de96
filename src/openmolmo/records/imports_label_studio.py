"""Label Studio, its "JSON" export: key points, boxes (their centres) and text areas.

A key point's label is its key-point label, or, if it has a text area of its own, what was written there. Text
areas for the whole picture are captions; named ``transcript...`` transcripts; a pair named ``question`` and
``answer`` is a question. Choices named ``absent...`` or ``not_present...`` are labels that are not there.

Of several annotations of one task the first that was not cancelled counts. Marks that began as a model's
prediction are of unknown making: the audit refuses them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.records.example import Made
from openmolmo.records.imports import Marked

__all__ = ["read_label_studio"]

_IMAGE_KEYS = ("image", "img", "picture", "photo", "url")


def read_label_studio(file: Path, left_out: Counter[str]) -> Iterator[Marked]:
    """Every annotated task of an export; a file of another form is a :class:`DataError`."""
    try:
        tasks = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise DataError(f"is not JSON: {error}", file=str(file), rule="JSON") from error
    if not isinstance(tasks, list):
        raise DataError("is no list of tasks", file=str(file), rule="form", fix='export as "JSON" from Label Studio')
    for number, task in enumerate(tasks):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict) or "annotations" not in task:
            raise DataError(
                "the task has no data and annotations",
                file=str(file),
                row=number,
                rule="form",
                fix='export as "JSON", not as "JSON-MIN"',
            )
        done = [one for one in task["annotations"] if not one.get("was_cancelled")]
        if not done:
            left_out["tasks without an annotation"] += 1
            continue
        left_out["further annotations of the same task"] += len(done) - 1
        try:
            yield _task(task["data"], done[0].get("result", []), left_out)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            said = f"a result of the task lacks {error}" if isinstance(error, KeyError) else str(error)
            raise DataError(said, file=str(file), row=number, rule="form") from error
    left_out += Counter()  # drops what is zero


def _task(data: dict[str, Any], results: list[dict[str, Any]], left_out: Counter[str]) -> Marked:
    key = next((key for key in _IMAGE_KEYS if key in data), None) or next(iter(data))
    marked = Marked(image=str(data[key]))
    regions = {one["id"] for one in results if _shape(one) in ("keypoint", "rectangle", "ellipse")}
    areas = [one for one in results if one["type"] == "textarea"]
    written = {one["id"]: _text(one) for one in areas if one.get("id") in regions and _text(one)}
    texts: dict[str, str] = {}
    for one in results:
        shape = _shape(one)
        if shape in ("keypoint", "rectangle", "ellipse"):
            _region(marked, one, shape, written.get(one["id"]), left_out)
        elif shape == "textarea" and one.get("id") not in regions:
            texts[str(one["from_name"])] = _text(one)
        elif shape == "choices" and str(one["from_name"]).startswith(("absent", "not_present")):
            marked.absent += [str(label) for label in one["value"]["choices"]]
            marked.say("not_present", _how(one, Made.CLICKED))
        elif shape != "textarea":
            left_out[f"marks of type {one['type']}"] += 1
    _texts(marked, texts)
    return marked


def _shape(one: dict[str, Any]) -> str:
    """``keypointlabels`` and ``keypoint`` are the same mark, with and without a label."""
    return str(one["type"]).removesuffix("labels")


def _region(marked: Marked, one: dict[str, Any], shape: str, written: str | None, left_out: Counter[str]) -> None:
    value = one["value"]
    labels = [written] if written else value.get(f"{shape}labels") or value.get("labels") or []
    if not labels:
        left_out["points without a label"] += 1
        return
    if one.get("image_rotation"):
        left_out["marks on pictures that were turned by hand"] += 1
        return
    x, y = float(value["x"]), float(value["y"])
    if shape == "rectangle":
        x, y = x + float(value["width"]) / 2, y + float(value["height"]) / 2
    for label in labels:
        marked.add(str(label), x, y)
    marked.say("pointing", _how(one, Made.CLICKED))


def _texts(marked: Marked, texts: dict[str, str]) -> None:
    if texts.get("question") and texts.get("answer"):
        marked.questions.append((texts.pop("question"), texts.pop("answer")))
        marked.say("question_answer", Made.WRITTEN)
    for name, text in texts.items():
        if text and name.startswith("transcript"):
            marked.transcripts.append(text)
            marked.say("transcript", Made.WRITTEN)
        elif text and name not in ("question", "answer"):
            marked.captions.append(text)
            marked.say("caption", Made.WRITTEN)


def _text(one: dict[str, Any]) -> str:
    text = one["value"]["text"]
    return (text if isinstance(text, str) else "\n".join(map(str, text))).strip()


def _how(one: dict[str, Any], by_hand: Made) -> Made:
    return by_hand if one.get("origin", "manual") == "manual" else Made.UNKNOWN
