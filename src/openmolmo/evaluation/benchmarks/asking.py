"""Questions that several benchmarks put in the same way: short answers and choices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.base import Asked, Reference, RequestSettings
from openmolmo.evaluation.tasks.base import most_frequent
from openmolmo.prompting.replies import ask_options

__all__ = ["CHOICE", "NUMBER", "SHORT", "answers_of", "ask_list", "ask_short", "choice", "short"]

SHORT = "Answer the question using a single word or phrase."
CHOICE = "Answer with the option's letter from the given choices directly."
NUMBER = "Answer with the number only."
"""What is asked of models that know no tags."""


def answers_of(value: Any) -> tuple[str, ...]:
    """The texts of an answers column: a list of texts or of ``{answer}``, or one; empty where the answer is hidden."""
    if value is None:
        return ()
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(str(item["answer"] if isinstance(item, Mapping) else item).strip() for item in items)


def short(question: Any, answers: Any, *, key: Any = None, group: str = "", **more: Any) -> Asked:
    """A question whose answer is a few words."""
    given = answers_of(answers)
    truth = Reference(answers=given) if given else None
    reply = most_frequent(given) if given else ""
    return Asked(text=str(question).strip(), truth=truth, reply=reply, key=key, group=group, **more)


def choice(question: str, options: Sequence[str], right: int | None, **more: Any) -> Asked:
    """A question with options on lines of their own, lettered unless they are letters themselves.

    ``right`` None or outside the options: the answer is hidden.
    """
    text, names = ask_options(question.strip(), options)
    if right is None or not 0 <= right < len(options):
        return Asked(text=text, truth=None, reply="", **more)
    truth = Reference(options=tuple(options), names=names, right=right)
    return Asked(text=text, truth=truth, reply=names[right], **more)


def ask_short(
    question: str, answers: str, *, key: str | None = None, group: Callable[[Mapping[str, Any]], str] | None = None
) -> Callable[[SourceRow, RequestSettings], Iterator[Asked]]:
    """One question a row; arguments are columns, ``group`` a function of the row."""

    def ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
        values = row.values
        number = values.get(key) if key is not None else None
        yield short(values[question], values[answers], key=number, group=group(values) if group else "")

    return ask


def ask_list(
    column: str, answers: str, *, group: Callable[[Mapping[str, Any]], str] | None = None
) -> Callable[[SourceRow, RequestSettings], Iterator[Asked]]:
    """A list of ``{question, answers}`` beside each picture."""

    def ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
        for item in row.values[column]:
            yield short(item["question"], item[answers], group=group(item) if group else "")

    return ask
