"""One page of a suite: tables, and right and wrong cases with their pictures, to be filtered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from openmolmo.core.errors import OpenMolmoError
from openmolmo.core.files import write_text
from openmolmo.core.pages import page
from openmolmo.evaluation.pictures import RIGHT, TRUTH, WRONG, case_picture, data_url
from openmolmo.evaluation.report import pick_cases
from openmolmo.evaluation.results import COLUMNS, Row
from openmolmo.evaluation.suite.average import average_of
from openmolmo.evaluation.suite.judging import Judged
from openmolmo.evaluation.suite.questions import Item
from openmolmo.evaluation.suite.tables import HEADS, SIGNS, paper_rows, score_rows
from openmolmo.evaluation.tasks.base import image_source
from openmolmo.inference.draw import draw_points
from openmolmo.pictures import open_image
from openmolmo.records.example import Pointing

__all__ = ["write_page"]

_SIDE = 480  # pixels of the longer side of a picture on the page


def write_page(
    path: Path, judged: Sequence[Judged], meta: dict[str, Any], not_judged: dict[str, str], cases: int
) -> None:
    """``cases`` right and as many wrong ones of every benchmark; the page needs no other file."""
    heads, rows = paper_rows(judged, meta["model"])
    text = page(
        "openmolmo.evaluation",
        "suite.html.j2",
        title=f"{meta['model']} on {len(judged)} benchmarks",
        meta=meta,
        score_heads=HEADS,
        score_rows=list(zip(judged, score_rows(judged), strict=True)),
        paper_heads=heads,
        paper_rows=rows,
        average=average_of(judged),
        signs=SIGNS,
        not_judged=not_judged,
        columns=COLUMNS,
        judged=judged,
        cases=[case for one in judged for case in _cases(one, cases)],
        colours={"right": RIGHT, "wrong": WRONG, "truth": TRUTH},
    )
    write_text(path, text)


def _cases(judged: Judged, count: int) -> Iterator[dict[str, Any]]:
    if judged.task is None:
        return
    items = {item.question.id: item for item in judged.loaded.items}
    for verdict, rows in zip(
        ("right", "wrong"), pick_cases(judged.task.rows, judged.task.headline, count), strict=True
    ):
        for row in rows:
            question = row.question
            yield {
                "benchmark": judged.benchmark.name,
                "title": judged.benchmark.title,
                "verdict": verdict,
                "group": question.group,
                "id": question.id,
                "question": question.text,
                "style": question.style or "",
                "reply": row.answer.text or "(nothing)",
                "reference": question.reply,
                "score": row.scores[judged.task.headline],
                "picture": _picture(judged, items[question.id], row),
            }


def _picture(judged: Judged, item: Item, row: Row) -> str | None:
    """The picture with the points of reply and truth; None where it cannot be read."""
    try:
        images = judged.loaded.images(item)[: len(item.question.images)]
        question = replace(item.question, image=images[0], more_images=tuple(images[1:]))
        if isinstance(question.truth, Pointing):
            drawn = case_picture(replace(row, question=question))
        elif row.answer.points:
            drawn = draw_points(open_image(image_source(images[0])), row.answer.points, legend=False)
        else:
            drawn = Image.fromarray(open_image(image_source(images[0])))
    except OpenMolmoError:
        return None
    drawn.thumbnail((_SIDE, _SIDE))
    return data_url(drawn.convert("RGB"))
