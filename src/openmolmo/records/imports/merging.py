"""All that a file says about one picture, in percent: each mark once, each label in one spelling.

Labels that differ only in case, in spaces or in their Unicode form are one label, spelled as it is most often. A
second entry for a picture (a task exported twice, a picture listed twice) adds labels, but no marks to labels
that the first one has: two people's marks of the same things are not more things.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from openmolmo.core.rng import derive
from openmolmo.records.example import Annotation, Caption, Made, NotPresent, Point, Pointing, QuestionAnswer, Transcript
from openmolmo.records.imports.marked import Account, Mark, Marked
from openmolmo.records.names import is_whole, same_form, same_label

__all__ = ["Picture", "add_absent", "merge"]

_EDGE = 0.05
"""Percent by which a point may miss the picture and is put on its edge: half a pixel of a picture of 1000."""


@dataclass(kw_only=True)
class Picture:
    """One picture of the import: its name in the folder, its size in pixels, and what was said about it."""

    name: str
    path: Path
    size: tuple[int, int]
    points: dict[str, list[Point]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    transcripts: list[str] = field(default_factory=list)
    questions: list[tuple[str, str]] = field(default_factory=list)
    made: dict[str, tuple[Made, ...]] = field(default_factory=dict)

    def annotations(self) -> tuple[Annotation, ...]:
        """As the records have them."""
        return (
            *(Pointing(label=label, points=tuple(points)) for label, points in self.points.items()),
            *(NotPresent(label=label) for label in self.absent),
            *(Caption(text=text) for text in self.captions),
            *(Transcript(text=text) for text in self.transcripts),
            *(QuestionAnswer(question=question, answers=(answer,)) for question, answer in self.questions),
        )


def merge(found: Iterable[tuple[Picture, Marked]], account: Account) -> list[Picture]:
    """One picture for each file, in the order of the first mention; ``found`` has one pair for each entry."""
    pairs = list(found)
    spelling = _spellings((marked for _, marked in pairs), account)
    pictures: dict[str, Picture] = {}
    seen: dict[str, set[tuple[object, ...]]] = {}
    for picture, marked in pairs:
        picture = pictures.setdefault(picture.name, picture)
        _add(picture, marked, spelling, seen.setdefault(picture.name, set()), account)
    for picture, marked in pairs:
        _add_labels_not_there(pictures[picture.name], marked, spelling, account)
    return list(pictures.values())


def add_absent(pictures: list[Picture], number: int) -> None:
    """Say of each picture that so many labels of the other pictures are not there, chosen by its name."""
    labels = sorted({label for one in pictures for label in one.points})
    for one in pictures:
        free = [label for label in labels if label not in one.points and label not in one.absent]
        chosen = derive(0, "absent", one.name).permutation(len(free))[:number]
        one.absent += [free[index] for index in sorted(int(index) for index in chosen)]
        if free and "pointing" in one.made:
            known = one.made.get("not_present", ())
            one.made["not_present"] = (*known, *(how for how in one.made["pointing"] if how not in known))


def _spellings(found: Iterable[Marked], account: Account) -> dict[str, str]:
    """The spelling of each folded label that is used most, the first of equals."""
    used: dict[str, Counter[str]] = {}
    for marked in found:
        for label in (*(mark.label for mark in marked.marks), *marked.absent):
            used.setdefault(same_label(label), Counter())[" ".join(same_form(label).split())] += 1
    for counts in used.values():
        if len(counts) > 1:
            first, *others = (spelling for spelling, _ in counts.most_common())
            account.note("labels in several spellings, taken as one", repr(first), f"also {', '.join(others)}")
    return {folded: counts.most_common(1)[0][0] for folded, counts in used.items()}


def _add(
    picture: Picture, marked: Marked, spelling: dict[str, str], seen: set[tuple[object, ...]], account: Account
) -> None:
    """The marks and texts of one entry; labels that an earlier whole entry has marked are left out."""
    taken = set(picture.points) if marked.whole else set()
    across, down = _to_percent(picture, marked)
    for mark in marked.marks:
        label = spelling[same_label(mark.label)]
        place = _inside(mark, across, down)
        what = f"{label!r} of {marked.image}"
        if not _is_text(label):
            account.leave("labels that are no text", mark.where, what)
        elif label in taken:
            account.leave("marks of a label that an earlier entry for the same picture has", mark.where, what)
        elif place is None:
            at = f"x {mark.x * across:.5g} %, y {mark.y * down:.5g} %"
            account.leave("marks outside the picture", mark.where, f"{what}: {at}")
        elif (key := (label, place, mark.extent)) in seen:
            account.leave("marks that stand there twice", mark.where, what)
        else:
            seen.add(key)
            picture.points.setdefault(label, []).append(place)
    for texts, more in ((picture.captions, marked.captions), (picture.transcripts, marked.transcripts)):
        texts += [text for text in more if _is_kept(text, marked, account) and text not in texts]
    for pair in marked.questions:
        if all(_is_kept(text, marked, account) for text in pair) and pair not in picture.questions:
            picture.questions.append(pair)
    for kind, ways in marked.made.items():
        known = picture.made.get(kind, ())
        picture.made[kind] = (*known, *(how for how in ways if how not in known))


def _add_labels_not_there(picture: Picture, marked: Marked, spelling: dict[str, str], account: Account) -> None:
    for said in marked.absent:
        label = spelling[same_label(said)]
        if not _is_text(label):
            account.leave("labels that are no text", marked.where, repr(label))
        elif label in picture.points:
            account.leave("labels that are said not to be there, and are marked", marked.where, repr(label))
        elif label not in picture.absent:
            picture.absent.append(label)


def _to_percent(picture: Picture, marked: Marked) -> tuple[float, float]:
    """What one unit is, in percent of width and of height."""
    if marked.unit == "pixel":
        width, height = marked.size or picture.size
        return 100.0 / width, 100.0 / height
    return (100.0, 100.0) if marked.unit == "fraction" else (1.0, 1.0)


def _inside(mark: Mark, across: float, down: float) -> Point | None:
    """The place in percent; None outside the picture."""
    x, y = mark.x * across, mark.y * down
    if not (-_EDGE <= x <= 100 + _EDGE and -_EDGE <= y <= 100 + _EDGE):
        return None
    return Point(round(min(max(x, 0.0), 100.0), 3), round(min(max(y, 0.0), 100.0), 3))


def _is_text(text: str) -> bool:
    return bool(text.strip()) and is_whole(text)


def _is_kept(text: str, marked: Marked, account: Account) -> bool:
    if not _is_text(text):
        account.leave("texts that are no text", marked.where, repr(text))
    return _is_text(text)
