"""CVAT, its export "CVAT for images 1.1": points, and the centres of boxes.

The file is read as a stream. A document type is refused: that is where XML files carry entities that
expand without end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from openmolmo.core.errors import DataError
from openmolmo.records.example import Made
from openmolmo.records.imports import Marked

__all__ = ["read_cvat"]

_PIECE = 2**16


def read_cvat(file: Path, left_out: Counter[str]) -> Iterator[Marked]:
    """Every picture of the file, as soon as it has been read."""
    reader = _Reader(left_out)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    try:
        with file.open("rb") as stream:
            while piece := stream.read(_PIECE):
                parser.Parse(piece, False)
                yield from reader.take()
            parser.Parse(b"", True)
            yield from reader.take()
    except expat.ExpatError as error:
        raise DataError(f"is not XML: {error}", file=str(file), rule="XML") from error
    except (KeyError, ValueError) as error:
        said = f"an element lacks {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(said, file=str(file), row=parser.CurrentLineNumber, rule="form") from error
    except DataError as error:
        raise DataError(error.reason, file=str(file), row=parser.CurrentLineNumber, rule=error.rule) from error
    if not reader.seen:
        raise DataError("has no <image>", file=str(file), rule="form", fix='export as "CVAT for images 1.1"')


def _refuse(*names: object) -> None:
    raise DataError("has a document type, which is not read", rule="no DOCTYPE")


class _Reader:
    """Collects the pictures whose elements are closed."""

    def __init__(self, left_out: Counter[str]) -> None:
        self.left_out, self.seen = left_out, False
        self._open: Marked | None = None
        self._done: list[Marked] = []

    def take(self) -> list[Marked]:
        """What is whole and was not taken yet."""
        done, self._done = self._done, []
        return done

    def start(self, tag: str, values: dict[str, str]) -> None:
        if tag == "image":
            self.seen = True
            size = (int(values["width"]), int(values["height"]))
            self._open = Marked(image=values["name"], size=size, unit="pixel")
        elif self._open is None:
            if tag == "track":
                self.left_out["tracks of videos"] += 1
        elif tag == "points":
            for pair in values["points"].split(";"):
                x, _, y = pair.partition(",")
                self._point(self._open, values, float(x), float(y))
        elif tag == "box":
            left, top, right, bottom = (float(values[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
            self._point(self._open, values, (left + right) / 2, (top + bottom) / 2)
        elif tag in ("polygon", "polyline", "mask", "cuboid", "ellipse", "skeleton", "tag"):
            self.left_out[f"marks of type {tag}"] += 1

    def _point(self, marked: Marked, values: dict[str, str], x: float, y: float) -> None:
        marked.add(values["label"], x, y)
        if "source" in values:
            marked.say("pointing", Made.CLICKED if values["source"] == "manual" else Made.UNKNOWN)

    def end(self, tag: str) -> None:
        if tag == "image" and self._open is not None:
            self._done.append(self._open)
            self._open = None
