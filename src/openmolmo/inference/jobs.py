"""Many requests into a file of answers, which grows by every batch and from which an interrupted run goes on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from openmolmo.core.errors import DataError, OpenMolmoError, RunError
from openmolmo.core.files import disk_full_as_error, sha256_bytes, write_text
from openmolmo.core.progress import make_progress
from openmolmo.inference.request_file import Asked
from openmolmo.records.names import is_whole
from openmolmo.words.answer import Answer
from openmolmo.words.requests import Request

__all__ = ["Answerer", "Outcome", "answer_into", "answered_lines", "as_line"]


class Answerer(Protocol):
    """What a job needs of a :class:`~openmolmo.inference.predictor.Predictor`."""

    name: str

    @property
    def weights(self) -> str:
        """What tells the model from another of that name."""

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer | OpenMolmoError]]:
        """(place, answer or what is wrong) of every request, in any order."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many were answered now, and before; what is wrong with the others, by id.

    ``unlike``: how many of those answered now are about pictures unlike what the model knows.
    """

    answered: int
    before: int
    failed: dict[str, str]
    unlike: int = 0


def answer_into(path: Path, asked: Sequence[Asked], predictor: Answerer, settings: dict[str, Any]) -> Outcome:
    """Answer everything that ``path`` has no answer to yet; one JSON object a line, in the order they are found.

        {"id": "a1", "model": "nano", "weights": "e07f…", "asked": "5d3c…", "text": …, "points": […], "count": 2, …}
        {"id": "a2", "model": "nano", "weights": "e07f…", "asked": "90ab…", "error": "no picture b.jpg", "kind": …}
        {"id": "line 3", "model": "nano", "weights": "e07f…", "asked": "77f0…", "error": "… is not JSON", "kind": …}

    ``asked`` tells question and ``settings`` (of decoding) apart from others under the same id, ``weights`` the
    model from what it was before it was trained further. Requests that failed are tried again. A last line that
    was cut is dropped.

    Raises RunError where the file has an answer to something else, DataError where it is no file of answers.
    """
    marks = {one.id: _mark(one.question, settings) for one in asked}
    kept = _read_kept(path, marks, predictor)
    left = [(place, one) for place, one in enumerate(asked) if one.id not in kept]
    _keep(path, kept)
    failed: dict[str, str] = {}
    unlike = 0
    with make_progress("failed") as progress, disk_full_as_error(path), path.open("a", encoding="utf-8") as stream:
        bar = progress.add_task("answers", total=len(asked), completed=len(asked) - len(left), failed="")
        for name, values, outcome in answered_lines(left, predictor, settings):
            stream.write(as_line(values))
            stream.flush()
            if isinstance(outcome, OpenMolmoError):
                failed[name] = f"{outcome.message} -> {outcome.fix}" if outcome.fix else outcome.message
            else:
                unlike += outcome.unlike
            progress.update(bar, advance=1, failed=f"{len(failed)} failed" if failed else "")
    return Outcome(len(left) - len(failed), len(asked) - len(left), failed, unlike)


def answered_lines(
    left: Sequence[tuple[int, Asked]], predictor: Answerer, settings: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], Answer | OpenMolmoError]]:
    """(id, values of its line, answer or what is wrong) of every request, which has its place among all beside it.

    A request draws by that place, so that an interrupted run gives the same answers.
    """
    sound = [(dataclasses.replace(one.request, seed=place), one) for place, one in left if one.fault is None]
    marks = {one.id: _mark(one.question, settings) for _, one in left}
    for name, outcome in _outcomes(left, sound, predictor):
        source = {"model": predictor.name, "weights": predictor.weights}
        yield name, {"id": name, **source, "asked": marks[name], **_values(outcome)}, outcome


def _outcomes(
    left: Sequence[tuple[int, Asked]], sound: Sequence[tuple[Request, Asked]], predictor: Answerer
) -> Iterator[tuple[str, Answer | OpenMolmoError]]:
    """(id, outcome) of everything: first of what cannot be asked."""
    yield from ((one.id, one.fault) for _, one in left if one.fault is not None)
    for place, outcome in predictor.answers([request for request, _ in sound]):
        yield sound[place][1].id, outcome


def as_line(values: dict[str, Any]) -> str:
    """One line of JSON; names of files that are no UTF-8, and halves of characters, become escapes."""
    text = json.dumps(values, ensure_ascii=False)
    return (text if is_whole(text) else json.dumps(values)) + "\n"


def _mark(question: str, settings: dict[str, Any]) -> str:
    return sha256_bytes(json.dumps([question, settings], sort_keys=True).encode())[:16]


def _values(outcome: Answer | OpenMolmoError) -> dict[str, Any]:
    if isinstance(outcome, OpenMolmoError):
        fix = {"fix": outcome.fix} if outcome.fix else {}
        return {"error": outcome.message, "kind": type(outcome).__name__, **fix}
    return outcome.to_json()


def _read_kept(path: Path, marks: dict[str, str], predictor: Answerer) -> dict[str, str]:
    """id -> line of every answer in the file that is asked for again; failures and a cut last line are left out.

    Answers that are not asked for now stay as well: the file may be filled from several lists.
    """
    kept: dict[str, str] = {}
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else [""]
    for number, line in enumerate(lines[:-1], start=1):
        values = _answer_line(path, number, line)
        name = values["id"]
        if "error" in values:
            continue
        if name in marks:
            _require_same(f"{path} line {number}", values, marks[name], predictor)
        kept[name] = line
    return kept


def _require_same(where: str, values: dict[str, Any], mark: str, predictor: Answerer) -> None:
    """Raises RunError for an answer that is not what this model would give to this question."""
    name, model = values["id"], values.get("model")
    if "weights" not in values:
        raise RunError(
            f"{where} does not say by which weights of {model} it answers {name!r}: an earlier version wrote it",
            fix="give another --out; or delete this file, and all is asked again",
        )
    if values["weights"] != predictor.weights:
        raise RunError(
            f"{where} answers {name!r} by other weights: {values['weights']} of {model}, "
            f"now {predictor.weights} of {predictor.name}",
            fix="give another --out: answers of a model that was trained further, or of another one, are not mixed",
        )
    if values["asked"] != mark:
        raise RunError(
            f"{where} answers something else under the id {name!r}: {values['asked']}, now asked is {mark}",
            fix="give another --out for other settings or changed questions",
        )


def _answer_line(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except json.JSONDecodeError:
        values = None
    if not isinstance(values, dict) or "asked" not in values or not isinstance(values.get("id"), str):
        raise DataError(
            "is no line of answers",
            file=str(path),
            row=number,
            fix="give another --out; this file is left as it is",
        )
    return values


def _keep(path: Path, kept: dict[str, str]) -> None:
    """Leave only these lines in the file; it is not touched where that changes nothing."""
    text = "".join(f"{line}\n" for line in kept.values())
    if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != text:
        write_text(path, text)
