"""The page of an overlap: counts, and the cases with both pictures side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.core.files import write_text
from openmolmo.core.pages import page
from openmolmo.pictures import thumbnail
from openmolmo.records.names import whole_text
from openmolmo.records.overlap.items import Item, open_side
from openmolmo.records.overlap.pictures import KINDS
from openmolmo.records.overlap.report import OverlapReport
from openmolmo.records.pictures import picture_bytes, unreadable_as_fault

__all__ = ["write_overlap_page"]

_SIDE = 240  # pixels of a picture on the page


def write_overlap_page(report: OverlapReport, train: Path, test: Path, out: Path) -> None:
    """Write the page. The pictures of its cases are read again, from both sides."""
    wanted = {"train": {case.train for case in report.cases}, "test": {case.test for case in report.cases}}
    sides = {"train": _items(train, wanted["train"]), "test": _items(test, wanted["test"])}
    cases = [
        {
            "case": case,
            "test": _view(sides["test"].get(case.test)),
            "train": _view(sides["train"].get(case.train)),
        }
        for case in report.cases
    ]
    values = {"report": report, "kinds": {**KINDS, "text": "the same words"}, "cases": cases}
    title = f"{report.test} in {report.train}"
    write_text(out, whole_text(page("openmolmo.records.overlap", "overlap.html.j2", folder=".", title=title, **values)))


def _items(path: Path, wanted: set[str]) -> dict[str, Item]:
    """The examples of those names; reading stops when all are there."""
    found: dict[str, Item] = {}
    for item in open_side(path) if wanted else ():
        if item.id in wanted and item.id not in found:
            found[item.id] = item
            if len(found) == len(wanted):
                break
    return found


def _view(item: Item | None) -> dict[str, Any]:
    if item is None:
        return {"picture": None, "texts": []}
    picture = None
    for image in item.pictures[:1]:
        try:
            data = picture_bytes(image)
            if data is not None:
                with unreadable_as_fault():
                    picture = thumbnail(data, _SIDE)[0]
        except DataError:  # said among the notes
            picture = None
    return {"picture": picture, "texts": [text for _, text in item.texts[:3]]}
