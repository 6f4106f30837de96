"""What people marked in other programs, as examples: Label Studio, COCO, CVAT and plain CSV files.

    imported = import_file("label-studio", Path("export.json"), images=Path("pictures"), licence="CC0-1.0")
    write_imported(imported, Path("stars.jsonl"))        # or a folder, for Parquet shards

Every picture becomes one example, with one annotation for each label. Points become percent of width and
height. How a mark was made is taken from the file where it says so; otherwise it is what ``made`` says, and
``unknown`` (which the audit refuses) when nobody says it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from openmolmo.core.errors import DataError, NotRegisteredError
from openmolmo.core.files import write_json, write_text
from openmolmo.core.progress import track
from openmolmo.core.rng import derive
from openmolmo.records.codec import annotation_to_dict
from openmolmo.records.example import (
    Annotation,
    Caption,
    Example,
    ImageRef,
    Made,
    NotPresent,
    Point,
    Pointing,
    Provenance,
    QuestionAnswer,
    Transcript,
)
from openmolmo.records.jsonl import SIDECAR
from openmolmo.records.pictures import picture_bytes, picture_size
from openmolmo.records.shards import write_dataset

__all__ = ["FORMATS", "Imported", "Marked", "import_file", "write_imported"]


@dataclass(kw_only=True)
class Marked:
    """What one picture has in a file of another program.

    ``image`` is the name as it stands there. ``points`` of each label are in ``unit``; ``size`` in pixels if
    the file says it; ``absent`` labels were asked for and are not there. ``made`` says how marks were made,
    by annotation kind, where the file knows.
    """

    image: str
    size: tuple[int, int] | None = None
    unit: str = "percent"
    points: dict[str, list[Point]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    transcripts: list[str] = field(default_factory=list)
    questions: list[tuple[str, str]] = field(default_factory=list)
    made: dict[str, tuple[Made, ...]] = field(default_factory=dict)

    def add(self, label: str, x: float, y: float) -> None:
        """One more point of a label."""
        self.points.setdefault(label, []).append(Point(x, y))

    def say(self, kind: str, how: Made) -> None:
        """Some mark of this kind was made so; several ways add up."""
        known = self.made.get(kind, ())
        self.made[kind] = known if how in known else (*known, how)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The examples, the folder of their pictures, and what was left out: reason and how often."""

    examples: tuple[Example, ...]
    images: Path
    left_out: dict[str, int]


FORMATS = ("label-studio", "coco", "cvat", "csv")
"""What can be imported, by the name given to ``openmolmo data import``."""


def import_file(
    form: str,
    file: Path,
    *,
    images: Path,
    dataset: str | None = None,
    licence: str = "unknown",
    made: Made | None = None,
    absent: int = 0,
) -> Imported:
    """Read a file of the format ``form``; ``images`` is the folder with its pictures.

    ``absent``: for each picture so many labels of the other pictures are said not to be there. Right only
    if every label was looked for in every picture.

    Raises:
        NotRegisteredError: no such format.
        DataError: the file cannot be read, breaks its form, or none of its pictures is in ``images``.
    """
    if form not in FORMATS:
        raise NotRegisteredError(f"there is no import format {form!r}", fix=f"known: {', '.join(FORMATS)}")
    if not file.is_file():
        raise DataError(f"{file} does not exist", fix="name the exported file")
    if not images.is_dir():
        raise DataError(f"{images} is not a folder", fix="name the folder of the pictures: --images DIR")
    left_out: Counter[str] = Counter()
    marked = _joined(_reader(form)(file, left_out))
    if absent:
        _add_absent(marked, absent)
    origin = Provenance(dataset=dataset or file.stem, licence=licence, made={}, tool=f"openmolmo import {form}")
    finder = _Finder(images)
    examples = tuple(_examples(marked, finder, origin, made, left_out))
    if not examples:
        reasons = ", ".join(f"{why} ({count})" for why, count in left_out.items()) or "it names no picture"
        raise DataError(f"{file} gives no example: {reasons}", fix="check --images and the format")
    return Imported(examples=examples, images=images, left_out=dict(left_out))


def _reader(form: str) -> Callable[[Path, Counter[str]], Iterator[Marked]]:
    # Imported here because the readers need Marked.
    from openmolmo.records.imports_coco import read_coco
    from openmolmo.records.imports_csv import read_csv
    from openmolmo.records.imports_cvat import read_cvat
    from openmolmo.records.imports_label_studio import read_label_studio

    return {"label-studio": read_label_studio, "coco": read_coco, "cvat": read_cvat, "csv": read_csv}[form]


def write_imported(imported: Imported, out: Path) -> None:
    """Write a JSONL file (``out`` ends in .jsonl; ``dataset.json`` is put beside it) or a folder of Parquet shards."""
    if out.suffix != ".jsonl":
        write_dataset(out, imported.examples, made_by={"tool": imported.examples[0].provenance.tool})
        return
    origin = imported.examples[0].provenance
    folder = os.path.relpath(imported.images.resolve(), out.parent.resolve())
    rows = (json.dumps(_row(one, imported.images), ensure_ascii=False) for one in imported.examples)
    write_text(out, "\n".join(rows) + "\n")
    sidecar = {"dataset": origin.dataset, "licence": origin.licence, "tool": origin.tool}
    sidecar["images"] = Path(folder).as_posix()
    write_json(out.parent / SIDECAR, sidecar)


def _row(example: Example, images: Path) -> dict[str, Any]:
    assert example.image is not None and example.image.path is not None
    return {
        "id": example.id,
        "image": Path(example.image.path).relative_to(images).as_posix(),
        "width": example.image.width,
        "height": example.image.height,
        "annotations": [annotation_to_dict(item) for item in example.annotations],
        "provenance": {"made": {kind: list(map(str, how)) for kind, how in example.provenance.made.items()}},
    }


def _joined(found: Iterable[Marked]) -> list[Marked]:
    """One entry for each picture, in the order of the file."""
    by_name: dict[str, Marked] = {}
    for one in found:
        known = by_name.setdefault(one.image, one)
        if known is one:
            continue
        for label, points in one.points.items():
            known.points.setdefault(label, []).extend(points)
        known.absent += one.absent
        known.captions += one.captions
        known.transcripts += one.transcripts
        known.questions += one.questions
        for kind, ways in one.made.items():
            for how in ways:
                known.say(kind, how)
    return list(by_name.values())


def _add_absent(marked: list[Marked], number: int) -> None:
    labels = sorted({label for one in marked for label in one.points})
    for one in marked:
        free = [label for label in labels if label not in one.points and label not in one.absent]
        chosen = derive(0, "absent", one.image).permutation(len(free))[:number]
        one.absent += [free[index] for index in sorted(int(index) for index in chosen)]
        for kind in ("not_present",) if free else ():
            for how in one.made.get("pointing", ()):
                one.say(kind, how)


def _examples(
    marked: list[Marked], finder: _Finder, origin: Provenance, made: Made | None, left_out: Counter[str]
) -> Iterator[Example]:
    for one in track(marked, "importing"):
        path = finder.find(one.image)
        if path is None:
            left_out["pictures that are not in the folder"] += 1
            continue
        data = picture_bytes(ImageRef(path=str(path)))
        assert data is not None
        try:
            width, height = picture_size(data)
        except DataError:
            left_out["pictures that cannot be read"] += 1
            continue
        annotations = tuple(_annotations(one, width, height))
        if not annotations:
            left_out["pictures without a mark"] += 1
            continue
        kinds = {item.kind for item in annotations}
        ways = {kind: one.made.get(kind) or (made or Made.UNKNOWN,) for kind in sorted(kinds)}
        yield Example(
            id=finder.name(path),
            image=ImageRef(path=str(path), width=width, height=height),
            annotations=annotations,
            provenance=dataclasses.replace(origin, made=ways),
        )


def _annotations(one: Marked, width: int, height: int) -> Iterator[Annotation]:
    across, down = {"percent": (1.0, 1.0), "fraction": (100.0, 100.0)}.get(
        one.unit, (100.0 / (one.size or (width, height))[0], 100.0 / (one.size or (width, height))[1])
    )
    for label, points in one.points.items():
        places = tuple(Point(round(point.x * across, 3), round(point.y * down, 3)) for point in points)
        yield Pointing(label=label, points=places)
    yield from (NotPresent(label=label) for label in one.absent if label not in one.points)
    yield from (Caption(text=text) for text in one.captions)
    yield from (Transcript(text=text) for text in one.transcripts)
    yield from (QuestionAnswer(question=question, answers=(answer,)) for question, answer in one.questions)


class _Finder:
    """Pictures of a folder by the names that other programs give them."""

    _UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of an uploaded file

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_name: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self._by_name.setdefault(path.name, []).append(path)

    def name(self, path: Path) -> str:
        """The path inside the folder: what examples are called."""
        return path.relative_to(self.folder).as_posix()

    def find(self, name: str) -> Path | None:
        """By the path, else by the last part of it if only one file has that name."""
        parts = urlsplit(name)
        inside = parse_qs(parts.query).get("d", [parts.path])[0] if parts.path.endswith("local-files/") else parts.path
        inside = unquote(inside).replace("\\", "/").lstrip("/")
        if inside and ".." not in inside.split("/") and (self.folder / inside).is_file():
            return self.folder / inside
        last = inside.rpartition("/")[2]
        for candidate in (last, self._UPLOADED.sub("", last)):
            found = self._by_name.get(candidate, [])
            if len(found) == 1:
                return found[0]
        return None
