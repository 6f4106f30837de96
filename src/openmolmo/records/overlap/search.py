"""One pass over the test set, which is remembered, and one over the training set, which is not."""

from __future__ import annotations

from pathlib import Path

from openmolmo.core.errors import ConfigError
from openmolmo.core.progress import track
from openmolmo.records.overlap.items import Side, open_side
from openmolmo.records.overlap.pictures import KINDS, PictureIndex
from openmolmo.records.overlap.report import Case, OverlapReport, RoleOverlap
from openmolmo.records.overlap.texts import TextIndex, TextSeen

__all__ = ["find_overlap"]

_HALF = 0.5
_FEW = 3


def find_overlap(
    train: str | Path,
    test: str | Path,
    *,
    train_split: str | None = None,
    test_split: str | None = None,
    near: int | None = 6,
    words: int = 8,
    cases: int = 50,
) -> OverlapReport:
    """Compare two sets: which pictures and texts of ``test`` are in ``train`` too?

    Both are data sets or folders of pictures, and may be one data set with two splits. ``near``: bits in which pictures
    that look alike may differ (None: files and addresses only); ``words`` of a run; ``cases`` of each kind to keep.
    """
    if words < 2:
        raise ConfigError(f"words={words} must be at least 2", fix="8 is usual; 13 for long texts")
    learnt, judged = open_side(train, train_split), open_side(test, test_split)
    if learnt.path.resolve() == judged.path.resolve() and train_split == test_split:
        raise ConfigError(f"{train} would be compared with itself", fix="name two splits, or two sets")
    report = OverlapReport(train=_named(learnt), test=_named(judged), words=words, near=near)
    pictures, texts = PictureIndex(near), TextIndex(words)
    of_example: dict[str, set[int]] = {}
    for item in track(judged, "reading the test set", len(judged)):
        report.test_examples += 1
        numbers = {pictures.add(item.id, image) for image in item.pictures} - {None}
        of_example.setdefault(item.id, set()).update(number for number in numbers if number is not None)
        for role, text in item.texts:
            texts.add(item.id, role, text)
    for item in track(learnt, "reading the training set", len(learnt)):
        report.train_examples += 1
        report.train_pictures += sum(pictures.look_up(item.id, image) for image in item.pictures)
        for _, text in item.texts:
            texts.look_up(item.id, text)
    known = _count_texts(report, texts, cases)
    _count_pictures(report, pictures, of_example, known, cases)
    _note(report, pictures, learnt, judged)
    return report


def _named(side: Side) -> str:
    return str(side.path) if side.split is None else f"{side.path} ({side.split})"


def _count_texts(report: OverlapReport, texts: TextIndex, cases: int) -> set[str]:
    """Counts into the report; the examples with a text of which half is known."""
    known: set[str] = set()
    found: list[TextSeen] = []
    for seen in texts.result():
        count = report.texts.setdefault(seen.role, RoleOverlap())
        if seen.short:
            count.short += 1
            count.short_known += seen.share > 0
            continue
        count.texts += 1
        count.any += seen.share > 0
        count.half += seen.share >= _HALF
        count.whole += seen.share == 1
        if seen.share >= _HALF:
            known.add(seen.example)
        if seen.share > 0:
            found.append(seen)
    for seen in sorted(found, key=lambda one: -one.share)[:cases]:
        assert seen.found_in is not None
        report.cases.append(
            Case(
                kind="text",
                test=seen.example,
                train=seen.found_in,
                text=seen.text,
                role=seen.role,
                share=round(seen.share, 4),
            )
        )
    return known


def _count_pictures(
    report: OverlapReport, pictures: PictureIndex, of_example: dict[str, set[int]], known: set[str], cases: int
) -> None:
    report.pictures = len(pictures.seen)
    kept: dict[str, int] = dict.fromkeys(KINDS, 0)
    first = []
    for seen in pictures.seen:
        kind = seen.kind
        if kind is None:
            continue
        report.found[kind] += 1
        kept[kind] += 1
        if kept[kind] <= cases:
            first.append(Case(kind=kind, test=seen.examples[0], train=seen.found[kind]))
    report.cases = [*sorted(first, key=lambda case: list(KINDS).index(case.kind)), *report.cases]
    hit = {number for number, seen in enumerate(pictures.seen) if seen.kind is not None}
    with_picture = {name for name, numbers in of_example.items() if numbers & hit}
    report.examples_with_picture = len(with_picture)
    report.examples_with_both = len(with_picture & known)


def _note(report: OverlapReport, pictures: PictureIndex, learnt: Side, judged: Side) -> None:
    if pictures.plain:
        report.notes.append(
            f"{pictures.plain} pictures are all but plain, so that they look like any other; compared are their files"
        )
    if pictures.elsewhere:
        report.notes.append(
            f"{pictures.elsewhere} pictures are known by their address only; they are compared by it and by their hash"
        )
    if pictures.unreadable:
        shown = "; ".join(pictures.unreadable[:_FEW])
        report.notes.append(f"{len(pictures.unreadable)} pictures cannot be read and are passed over ({shown})")
    report.notes += [f"{side.path}: {told}" for side in (learnt, judged) if (told := side.unread.told())]
