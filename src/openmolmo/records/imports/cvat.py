"""CVAT, its export "CVAT for images 1.1": points (those of skeletons too), and the centres of boxes.

The file is read as a stream. A document type is refused: that is where XML files carry entities that
expand without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from openmolmo.core.errors import DataError
from openmolmo.records.example import Made
from openmolmo.records.imports.marked import Account, BadEntry, Mark, Marked
from openmolmo.records.imports.values import number, required, size

__all__ = ["read_cvat"]

_PIECE = 2**16
_NOT_READ = ("polygon", "polyline", "mask", "cuboid", "ellipse", "tag")


def read_cvat(file: Path, account: Account) -> Iterator[Marked]:
    """Every picture of the file, as soon as it has been read."""
    parser = expat.ParserCreate()
    reader = _Reader(account, parser)
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
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two: encodings that expat does not know
        raise DataError(f"is not XML: {error}", file=str(file), rule="XML") from error
    except DataError as error:
        raise DataError(error.reason, file=str(file), row=parser.CurrentLineNumber, rule=error.rule) from error
    if not reader.seen:
        raise DataError("has no <image>", file=str(file), rule="form", fix='export as "CVAT for images 1.1"')


def _refuse(*names: object) -> None:
    raise DataError("has a document type, which is not read", rule="no DOCTYPE")


class _Reader:
    """Collects the pictures whose elements are closed."""

    def __init__(self, account: Account, parser: expat.XMLParserType) -> None:
        self.account, self.seen = account, False
        self._parser = parser
        self._open: Marked | None = None
        self._done: list[Marked] = []

    def take(self) -> list[Marked]:
        """What is whole and was not taken yet."""
        done, self._done = self._done, []
        return done

    def start(self, tag: str, values: dict[str, str]) -> None:
        where = f"line {self._parser.CurrentLineNumber}"
        try:
            if tag == "image":
                self.seen = True
                self._open = None
                self._open = Marked(image=required(values, "name"), where=where, size=size(values), unit="pixel")
            elif tag == "track":
                self.account.leave("tracks of videos", where, values.get("label", ""))
            elif self._open is not None:
                self._shape(self._open, tag, values, where)
        except BadEntry as error:
            what = "pictures whose entry" if tag == "image" else "marks that"
            self.account.leave(f"{what} cannot be read", where, f"<{tag}> {error}")

    def _shape(self, marked: Marked, tag: str, values: dict[str, str], where: str) -> None:
        if tag in ("points", "box") and values.get("outside", "0") not in ("0", "false", "False"):
            self.account.leave("marks that are said to be outside the picture", where, values.get("label", ""))
        elif tag == "points":
            for pair in required(values, "points").split(";"):
                self._pair(marked, values, pair, where)
        elif tag == "box":
            left, top, right, bottom = (number(required(values, key), key) for key in ("xtl", "ytl", "xbr", "ybr"))
            # CVAT turns a box about its centre, which therefore stays where it is.
            x, y, extent = (left + right) / 2, (top + bottom) / 2, (right - left, bottom - top)
            self._point(marked, values, Mark(label=_label(values), x=x, y=y, where=where, extent=extent))
        elif tag in _NOT_READ:
            self.account.leave(f"marks of type {tag}", where, values.get("label", ""))

    def _pair(self, marked: Marked, values: dict[str, str], pair: str, where: str) -> None:
        """One of several points in one element: a bad one goes alone."""
        x, _, y = pair.partition(",")
        try:
            mark = Mark(label=_label(values), x=number(x, "x"), y=number(y, "y"), where=where)
        except BadEntry as error:
            self.account.leave("marks that cannot be read", where, f"<points> {error}")
            return
        self._point(marked, values, mark)

    def _point(self, marked: Marked, values: dict[str, str], mark: Mark) -> None:
        marked.marks.append(mark)
        if "source" in values:
            marked.say("pointing", Made.CLICKED if values["source"] == "manual" else Made.UNKNOWN)

    def end(self, tag: str) -> None:
        if tag == "image" and self._open is not None:
            self._done.append(self._open)
            self._open = None


def _label(values: dict[str, str]) -> str:
    return str(required(values, "label"))
