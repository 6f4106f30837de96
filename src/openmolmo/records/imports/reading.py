"""From a file of another program to examples: read, find the pictures, merge, and give an account of the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from openmolmo.core.errors import ConfigError, DataError, NotRegisteredError
from openmolmo.core.progress import track
from openmolmo.records.example import Example, ImageRef, Made, Provenance
from openmolmo.records.imports.coco import read_coco
from openmolmo.records.imports.csv_table import read_csv
from openmolmo.records.imports.cvat import read_cvat
from openmolmo.records.imports.finder import Finder, Found
from openmolmo.records.imports.label_studio import read_label_studio
from openmolmo.records.imports.marked import Account, BadEntry, Case, Marked
from openmolmo.records.imports.merging import Picture, add_absent, merge
from openmolmo.records.names import is_whole, whole_text
from openmolmo.records.pictures import picture_bytes, picture_size

__all__ = ["FORMATS", "Imported", "NothingImported", "import_file", "told"]

_READERS = {"label-studio": read_label_studio, "coco": read_coco, "cvat": read_cvat, "csv": read_csv}

FORMATS = tuple(_READERS)
"""What can be imported, by the name given to ``openmolmo data import``."""

_FEW = 3
"""Cases of a reason that a message names."""

_FRACTIONS = 3
"""So many marks must all lie in 0-1 before anybody is told that they may be fractions."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The examples, the folder of their pictures, what was left out, and what was decided by a rule."""

    examples: tuple[Example, ...]
    images: Path
    cases: tuple[Case, ...] = ()
    notes: tuple[Case, ...] = ()

    @property
    def left_out(self) -> dict[str, int]:
        """How much was left out, by reason."""
        return Account(left_out=list(self.cases)).counts()


class NothingImported(DataError):
    """No entry of a file could be used; ``cases`` says why, for each."""

    def __init__(self, file: Path, cases: list[Case]) -> None:
        reasons = "; ".join(told(cases)) or "it names no picture"
        super().__init__(f"{file} gives no example: {reasons}", fix="check --images and the format")
        self.cases = tuple(cases)


def import_file(
    form: str,
    file: Path,
    *,
    images: Path,
    dataset: str | None = None,
    licence: str = "unknown",
    made: Made | None = None,
    absent: int = 0,
    config: Path | None = None,
) -> Imported:
    """Read a file of the format ``form``; ``images`` is the folder with its pictures.

    ``absent``: for each picture so many labels of the other pictures are said not to be there. Right only
    if every label was looked for in every picture. ``config``: the labelling interface of a Label Studio project.

    Raises:
        NotRegisteredError: no such format.
        NothingImported: nothing of the file can be used.
        DataError: the file cannot be read or breaks its form.
    """
    if form not in _READERS:
        raise NotRegisteredError(f"there is no import format {form!r}", fix=f"known: {', '.join(FORMATS)}")
    for path in (file, config):
        if path is not None and not path.is_file():
            raise DataError(f"{path} does not exist", fix="name the exported file")
    if not images.is_dir():
        raise DataError(f"{images} is not a folder", fix="name the folder of the pictures: --images DIR")
    if config is not None and form != "label-studio":
        raise ConfigError(f"config={config} belongs to label-studio, the format is {form}", fix="leave it out")
    account = Account()
    found = read_label_studio(file, account, config=config) if config else _READERS[form](file, account)
    pictures = merge(_located(list(track(found, "reading")), images, account), account)
    if absent:
        add_absent(pictures, absent)
    name = whole_text(dataset or file.stem)
    origin = Provenance(dataset=name, licence=licence, made={}, tool=f"openmolmo import {form}")
    examples = tuple(_examples(pictures, origin, made, account))
    if not examples:
        raise NothingImported(file, account.left_out)
    return Imported(examples=examples, images=images, cases=tuple(account.left_out), notes=tuple(account.notes))


def told(cases: Iterable[Case]) -> Iterator[str]:
    """One line a reason: how often, and the first few by name."""
    by_reason: dict[str, list[Case]] = {}
    for case in cases:
        by_reason.setdefault(case.reason, []).append(case)
    for reason, some in by_reason.items():
        more = f"; and {len(some) - _FEW} more" if len(some) > _FEW else ""
        yield f"{reason}: {len(some)} ({'; '.join(map(str, some[:_FEW]))}{more})"


def _examples(pictures: list[Picture], origin: Provenance, made: Made | None, account: Account) -> Iterator[Example]:
    for one in pictures:
        annotations = one.annotations()
        if not annotations:
            account.leave("pictures without a mark", one.name)
            continue
        kinds = sorted({item.kind for item in annotations})
        yield Example(
            id=one.name,
            image=ImageRef(path=str(one.path), width=one.size[0], height=one.size[1]),
            annotations=annotations,
            provenance=dataclasses.replace(
                origin, made={kind: one.made.get(kind) or (made or Made.UNKNOWN,) for kind in kinds}
            ),
        )


def _located(found: list[Marked], images: Path, account: Account) -> Iterator[tuple[Picture, Marked]]:
    """Every entry with the picture it is about; those without one are left out."""
    finder = Finder(images)
    _note_fractions(found, account)
    places: dict[str, Found | None] = {}
    for marked in found:
        if marked.image not in places:
            places[marked.image] = _find(marked, finder, account)
    _part_names(places, finder, account)
    sizes: dict[Path, tuple[int, int] | None] = {}
    for marked in track(found, "opening pictures", total=len(found)):
        place = places[marked.image]
        if place is None:
            continue
        if place.path not in sizes:
            sizes[place.path] = _size(place.path, marked, account)
        size = sizes[place.path]
        if size is None:
            continue
        if not _fits(marked.size, size):
            assert marked.size is not None
            account.leave(
                "pictures whose size is another than the file says",
                marked.where,
                f"{marked.image} is {size[0]} x {size[1]}, the file says {marked.size[0]:g} x {marked.size[1]:g}"
                + ("; the sides are exchanged, as EXIF data does it" if marked.size[::-1] == size else ""),
            )
            continue
        yield Picture(name=finder.name(place.path), path=place.path, size=size), marked


def _find(marked: Marked, finder: Finder, account: Account) -> Found | None:
    try:
        found = finder.find(marked.image)
        if not is_whole(finder.name(found.path)):
            raise BadEntry("has a name that is no text")
    except BadEntry as error:
        account.leave("pictures that are not in the folder", marked.where, f"{marked.image!r} {error}")
        return None
    return found


def _part_names(places: dict[str, Found | None], finder: Finder, account: Account) -> None:
    """Of several names that lead to one file, the ones that only share its last part are of other pictures."""
    names: dict[Path, list[str]] = {}
    for name, found in places.items():
        if found is not None:
            names.setdefault(found.path, []).append(name)
    for path, several in names.items():
        loose = [name for name in several if (place := places[name]) is not None and place.by_name_alone]
        for name in loose:
            if len(several) > 1:
                account.leave("pictures matched by name alone, as others are", name, f"would be {finder.name(path)}")
                places[name] = None
            else:
                account.note("pictures matched by name alone", name, f"taken to be {finder.name(path)}")


def _size(path: Path, marked: Marked, account: Account) -> tuple[int, int] | None:
    try:
        data = picture_bytes(ImageRef(path=str(path)))
        assert data is not None
        return picture_size(data)
    except DataError as error:
        account.leave("pictures that cannot be read", marked.where, f"{marked.image}: {error.reason}")
        return None


def _fits(said: tuple[float, float] | None, real: tuple[int, int]) -> bool:
    """Whether a picture of the size said may be this one, larger or smaller: the same shape, up to a pixel."""
    return said is None or abs(said[0] * real[1] - said[1] * real[0]) <= max(*said, *real)


def _note_fractions(found: list[Marked], account: Account) -> None:
    values = [value for one in found if one.unit != "fraction" for mark in one.marks for value in (mark.x, mark.y)]
    if len(values) >= 2 * _FRACTIONS and all(0 <= value <= 1 for value in values):
        unit = next(one.unit for one in found if one.marks)
        account.note(
            f"sets whose places are all between 0 and 1: are these fractions, not {unit}?",
            f"{len(values) // 2} places",
            "a CSV file says it by the columns x_fraction and y_fraction",
        )
