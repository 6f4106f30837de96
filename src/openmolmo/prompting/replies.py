"""Annotation -> (question, reply): the words only, before tags and roles."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import singledispatch

import numpy as np

from openmolmo.core.errors import PromptError
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.records.example import (
    Annotation,
    Caption,
    Counting,
    Dialogue,
    NotPresent,
    Point,
    PointExplanation,
    Pointing,
    QuestionAnswer,
    Transcript,
)
from openmolmo.words.points import NOTHING_THERE, write_points
from openmolmo.words.templates import wording

__all__ = ["POINT_PLACE", "ask_options", "render_turns", "most_frequent"]

POINT_PLACE = "<|POINT|>"
_MOST_ANYWHERE = 10
_HOW_MANY = re.compile(r"\bhow many\b", re.IGNORECASE)

Random = np.random.Generator | None  # None: the plain wording, nothing at random (inference)


@singledispatch
def render_turns(annotation: Annotation, config: FormatConfig, rng: Random) -> tuple[str, ...] | None:
    """User and assistant texts in turn, user first; None when the annotation is not to be used.

    Without ``rng`` the plain wording is taken and ties go to the first.
    """
    raise PromptError(f"no wording is known for annotations of type {type(annotation).__name__}")


@render_turns.register
def _(annotation: Caption, config: FormatConfig, rng: Random) -> tuple[str, ...] | None:
    return (description_request("caption", config, rng), annotation.text)


@render_turns.register
def _(annotation: Transcript, config: FormatConfig, rng: Random) -> tuple[str, ...] | None:
    return (description_request("transcript", config, rng), annotation.text)


def description_request(kind: str, config: FormatConfig, rng: Random) -> str:
    if config.prompt_templates:
        return wording("caption" if kind == "caption" else "transcript", rng)
    return "" if config.system_prompt in ("style", "style_and_length") else wording("caption")


@render_turns.register
def _(annotation: QuestionAnswer, config: FormatConfig, rng: Random) -> tuple[str, ...] | None:
    if annotation.options:
        if annotation.answer_index is None:
            raise PromptError(f"the question {annotation.question!r} has options but no answer_index")
        question, names = ask_options(annotation.question, annotation.options, letters=config.option_letters)
        return (question, names[annotation.answer_index])
    if not annotation.answers:
        raise PromptError(f"the question {annotation.question!r} has neither answers nor options")
    question = annotation.question
    if rng is not None and annotation.style in config.demo_styles and _HOW_MANY.search(question):
        # Otherwise every count would be pointed out, which is what "how many" means to this model.
        instruction = wording("no_points", rng)
        question = f"{question} {instruction}" if rng.random() < 0.5 else f"{instruction} {question}"
    return (question, most_frequent(annotation.answers, rng))


@render_turns.register
def _(annotation: Pointing, config: FormatConfig, rng: Random) -> tuple[str, ...] | None:
    if len(annotation.points) > config.max_points:
        return None
    label = annotation.label.lower()
    question = annotation.question or _label_request("pointing", label, config, rng)
    return (question, _written(annotation.points, label, config, rng))


@render_turns.register
def _(annotation: NotPresent, config: FormatConfig, rng: Random) -> tuple[str, ...] | None:
    asked = "counting" if annotation.style == "point_count" else "pointing"
    question = annotation.question or _label_request(asked, annotation.label.lower(), config, rng)
    return (question, NOTHING_THERE)


@render_turns.register
def _(annotation: Counting, config: FormatConfig, rng: Random) -> tuple[str, ...] | None:
    if len(annotation.points) > config.max_points:
        return None
    label = annotation.label.lower()
    question = annotation.question or _label_request("counting", label, config, rng)
    return (question, _counting_reply(annotation.count, annotation.points, label, config, rng))


def _label_request(asked: str, label: str, config: FormatConfig, rng: Random) -> str:
    drawn = rng if config.prompt_templates else None
    return wording("counting" if asked == "counting" else "pointing", drawn, label=label)


def _counting_reply(count: int, points: Sequence[Point], label: str, config: FormatConfig, rng: Random) -> str:
    if count == 0:
        return NOTHING_THERE
    if config.counting == "count" or not points:
        return str(count)
    if config.counted != "things" and rng is not None:
        number = len(points) if config.counted == "anywhere" else 1 + int(rng.integers(_MOST_ANYWHERE))
        points = [Point(float(x), float(y)) for x, y in rng.uniform(0.0, 100.0, (number, 2))]
    text = _written(points, label, config, rng)
    if config.counting == "points":
        return text
    if config.counting == "count_then_point":
        return f"The total is {count}, counting the {text}."
    return f"Counting the {text} shows a total of {count}."


def _written(points: Sequence[Point], label: str, config: FormatConfig, rng: Random, *, alt: str | None = None) -> str:
    """A group of points in the order and form of ``config``; a random order is drawn where there is ``rng``."""
    order = config.point_order
    if order == "random":
        points = points if rng is None else [points[int(i)] for i in rng.permutation(len(points))]
        order = "given"
    return write_points(points, label, alt=alt, order=order, form=config.point_form)


@render_turns.register
def _(annotation: PointExplanation, config: FormatConfig, rng: Random) -> tuple[str, ...] | None:
    pieces = annotation.answer.split(POINT_PLACE)
    if not len(pieces) - 1 == len(annotation.points) == len(annotation.labels):
        raise PromptError(
            f"the answer has {len(pieces) - 1} {POINT_PLACE} but there are {len(annotation.points)} groups of points "
            f"and {len(annotation.labels)} labels"
        )
    alts = annotation.alts or annotation.labels
    if len(alts) != len(annotation.labels):
        raise PromptError(f"the answer has {len(annotation.labels)} labels but {len(alts)} alt texts")
    texts = [pieces[0]]
    for label, alt, points, rest in zip(annotation.labels, alts, annotation.points, pieces[1:], strict=True):
        texts += [_written(points, label, config, rng, alt=alt) if points else label, rest]
    return (annotation.question, "".join(texts))


@render_turns.register
def _(annotation: Dialogue, config: FormatConfig, rng: Random) -> tuple[str, ...] | None:
    if not annotation.turns or len(annotation.turns) % 2:
        raise PromptError(f"a dialogue has {len(annotation.turns)} turns; it must be user and assistant in turn")
    return annotation.turns


def ask_options(question: str, options: Sequence[str], *, letters: bool = True) -> tuple[str, tuple[str, ...]]:
    """A multiple-choice question and what to reply for each option.

    Options on lines of their own, lettered as the released models were trained to read them, unless they are single
    letters already (then the reply is the option): ``"Which?\\nA: cat\\nB: dog\\n"``, ``("A", "B")``.
    """
    names: Sequence[str] = tuple(options)
    lines = list(options)
    if letters and not all(re.fullmatch(r"[A-Za-z]", option.strip()) for option in options):
        if len(options) > len(string.ascii_uppercase):
            raise PromptError(f"{len(options)} options to letter, at most {len(string.ascii_uppercase)} are possible")
        names = tuple(string.ascii_uppercase[: len(options)])
        lines = [f"{name}: {option}" for name, option in zip(names, options, strict=True)]
    return "\n".join([question, *lines]) + "\n", tuple(names)


def most_frequent(answers: Sequence[str], rng: Random) -> str:
    """The answer given most often; ties at random (the first without ``rng``)."""
    votes = Counter(answers)
    best = max(votes.values())
    tied = [answer for answer, count in votes.items() if count == best]
    return tied[0] if rng is None or len(tied) == 1 else tied[int(rng.integers(len(tied)))]
