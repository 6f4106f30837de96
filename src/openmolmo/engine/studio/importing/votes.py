"""Answers of models become pairs to vote on (human preference of arXiv 2409.17146, section 4).

Answer files are JSON lines, one answer a line, several models in one file or a file a model:

    {"question_id": "17", "image": "a.jpg", "question": "What is this?", "answer": "A cup.", "model": "nano",
     "category": "general"}

``id`` stands for ``question_id``, ``picture`` for ``image``, ``text`` for ``answer``; without ``model`` it is the
file's name. Pairs of models come in turn, so that each has as many votes as any other, give or take one,
and within a pair the categories come in turn. Sides are drawn by lot, in equal numbers. The names of the models are
in the event ``vote.paired`` of the task and not in the task: no page can show them.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.core.rng import derive
from openmolmo.engine.studio.importing.found import storable
from openmolmo.records.imports.values import shown

__all__ = ["Answered", "Pair", "read_answers", "scheduled"]

_FIELDS = {
    "question_id": ("question_id", "id"),
    "image": ("image", "picture"),
    "question": ("question",),
    "answer": ("answer", "text"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question about a picture with the answers of several models."""

    question_id: str
    image: str
    question: str
    category: str
    answers: Mapping[str, str]
    """By model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to compare, the first one on the left; ``models`` in the same order."""

    question: Answered
    models: tuple[str, str]

    def payload(self) -> dict[str, Any]:
        """What a person may see."""
        one = self.question
        answers = [one.answers[model] for model in self.models]
        return {
            "question_id": one.question_id,
            "question": one.question,
            "answers": answers,
            "category": one.category,
        }


def read_answers(files: Sequence[Path]) -> list[Answered]:
    """Questions in the order of the files; a question that two files put differently is a :class:`DataError`."""
    found: dict[str, dict[str, Any]] = {}
    answers: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for file in files:
        for number, row in _rows(file):
            values = {name: _text(row, names, file, number) for name, names in _FIELDS.items()}
            key = values["question_id"]
            first = found.setdefault(key, {**values, "category": str(row.get("category") or "")})
            for name in ("image", "question"):
                if Path(values[name]).name != Path(first[name]).name and values[name] != first[name]:
                    raise DataError(
                        f"question {key!r} has {name} {shown(values[name])}, another line {shown(first[name])}",
                        file=str(file),
                        row=number,
                        field=name,
                        fix="answer files that are compared must be about the same questions",
                    )
            answers[key][str(row.get("model") or file.stem)] = values["answer"]
    made = [
        Answered(
            question_id=key,
            image=values["image"],
            question=values["question"],
            category=values["category"],
            answers=answers[key],
        )
        for key, values in found.items()
    ]
    if not any(len(one.answers) > 1 for one in made):
        models = sorted({model for one in made for model in one.answers})
        raise DataError(
            f"no question has answers of two models; models: {', '.join(models) or 'none'}",
            file=", ".join(map(str, files)),
            fix="give the answers of two models to the same questions, by question_id",
        )
    return made


def scheduled(questions: Sequence[Answered], *, seed: int = 0, most: int | None = None) -> list[Pair]:
    """Pairs in the order in which they are voted on; at most ``most``, else every pair of every question."""
    queues: dict[tuple[str, str], Iterator[Answered]] = {}
    for pair in sorted({pair for one in questions for pair in _pairs(one)}):
        fitting = [one for one in questions if pair[0] in one.answers and pair[1] in one.answers]
        queues[pair] = _by_category(fitting, seed, pair)
    made: list[Pair] = []
    sides = {pair: derive(seed, "vote-sides", *pair) for pair in queues}
    turned: dict[tuple[str, str], bool] = {}
    for turn in itertools.count():
        order = [sorted(queues)[index] for index in derive(seed, "vote-round", turn).permutation(len(queues))]
        for pair in order:
            question = next(queues[pair], None)
            if question is None:
                del queues[pair]
                continue
            # Of two votes in a row one is turned, which one is drawn: sides are even, and cannot be foreseen.
            flip = not turned.pop(pair) if pair in turned else bool(sides[pair].integers(2))
            if turn % 2 == 0:
                turned[pair] = flip
            made.append(Pair(question=question, models=pair[::-1] if flip else pair))
            if len(made) == most:
                return made
        if not queues:
            return made
    raise AssertionError("the rounds do not end")


def _pairs(one: Answered) -> Iterator[tuple[str, str]]:
    """Pairs of models whose answers differ: there is nothing to choose between equal ones."""
    for first, second in itertools.combinations(sorted(one.answers), 2):
        if one.answers[first].strip() != one.answers[second].strip():
            yield first, second


def _by_category(questions: Sequence[Answered], seed: int, pair: tuple[str, str]) -> Iterator[Answered]:
    """Questions whose answers differ, by lot, categories in turn."""
    chance = derive(seed, "vote-questions", *pair)
    groups: defaultdict[str, list[Answered]] = defaultdict(list)
    for index in chance.permutation(len(questions)):
        one = questions[index]
        if pair in set(_pairs(one)):
            groups[one.category].append(one)
    names = sorted(groups)
    turns = [groups[names[index]] for index in chance.permutation(len(names))]
    for row in itertools.zip_longest(*turns):
        yield from (one for one in row if one is not None)


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=str(file), fix="name a JSON lines file") from error
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines: answers hold U+2028 as it is
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"is no JSON: {error}", file=str(file), row=number) from error
        if not isinstance(row, dict):
            raise DataError("is no JSON object", file=str(file), row=number)
        if not storable(row):
            raise DataError("holds a number that is none, or half a character", file=str(file), row=number)
        if not row.get("error"):  # a request that failed has no answer
            yield number, row


def _text(row: Mapping[str, Any], names: Sequence[str], file: Path, number: int) -> str:
    value = next((row[name] for name in names if row.get(name) not in (None, "")), None)
    if isinstance(value, int):
        value = str(value)
    if not isinstance(value, str):
        raise DataError(
            f"has no {' or '.join(names)}",
            file=str(file),
            row=number,
            field=names[0],
            fix="a line has question_id, image, question, answer and model",
        )
    return value
