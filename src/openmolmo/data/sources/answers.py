"""Layouts that several academic sets share: one question a row, or a list of questions beside a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openmolmo.data.sources.columns import ANY, PICTURE, TEXT, Row, fields, many
from openmolmo.data.sources.published import Layout, Reading
from openmolmo.records.example import Annotation, QuestionAnswer

__all__ = ["asked", "chosen", "question_list", "question_rows"]


def asked(question: Any, answers: Any, style: str) -> Iterator[QuestionAnswer]:
    """A question with its answers (each a vote); nothing when either is empty."""
    given = tuple(text for answer in answers if (text := str(answer).strip()))
    if str(question).strip() and given:
        yield QuestionAnswer(question=str(question).strip(), answers=given, style=style)


def chosen(question: str, options: Any, right: int, style: str) -> Iterator[QuestionAnswer]:
    """A question with options; nothing when there is no choice, or no right one."""
    texts = tuple(str(option).strip() for option in options)
    if question.strip() and len(texts) > 1 and all(texts) and 0 <= right < len(texts):
        yield QuestionAnswer(question=question.strip(), options=texts, answer_index=right, style=style)


def question_rows(
    *, style: str, answers: str, group: tuple[str, ...], columns: Mapping[str, Any], **more: Any
) -> Layout:
    """A layout with one ``question`` a row and a list column of answers, of texts or of ``{answer}``."""

    def annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
        given = [item["answer"] if isinstance(item, Mapping) else item for item in row[answers] or ()]
        yield from asked(row["question"], given, style)

    return Layout(columns={"question": TEXT, **columns}, annotate=annotate, group=group, **{"picture": "image", **more})


def question_list(*, style: str, column: str, answers: str = "answer") -> Layout:
    """A layout with a picture and a list of ``{question, answer}`` (or ``answers``, a list)."""
    wanted = many(ANY) if answers == "answers" else ANY

    def annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
        for item in row[column]:
            given = item[answers]
            yield from asked(item["question"], given if answers == "answers" else [given], style)

    pairs = many(fields(question=TEXT, **{answers: wanted}))
    return Layout(columns={"image": PICTURE, column: pairs}, annotate=annotate, picture="image")
