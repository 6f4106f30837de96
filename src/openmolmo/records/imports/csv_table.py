"""A plain CSV file with a header: one point a line.

    image,label,x,y
    a.jpg,red star,120,48
    a.jpg,blue cup,,            without x and y: it was looked for and is not there

``x`` and ``y`` are pixels from the top left; columns ``x_percent`` and ``y_percent`` instead of them are percent,
``x_fraction`` and ``y_fraction`` 0 to 1. Columns ``width`` and ``height`` may give the size the pixels belong to.
Columns may be parted by commas, semicolons (then numbers may have a decimal comma) or tabs: the header decides.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from openmolmo.core.errors import DataError
from openmolmo.records.imports.marked import Account, BadEntry, Mark, Marked
from openmolmo.records.imports.values import number, read_text, size

__all__ = ["read_csv"]

_UNITS = {"pixel": ("x", "y"), "percent": ("x_percent", "y_percent"), "fraction": ("x_fraction", "y_fraction")}


def read_csv(file: Path, account: Account) -> Iterator[Marked]:
    """One entry a line; lines of one picture need not stand together."""
    text = read_text(file)
    header = next(iter(text.splitlines()), "")
    comma = max("\t;,", key=header.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=comma)
        names = [name.strip().casefold() for name in next(reader, [])]
        unit = next((unit for unit, pair in _UNITS.items() if set(pair) <= set(names)), None)
        if unit is None or not {"image", "label"} <= set(names):
            raise DataError(
                f"has the columns {', '.join(names)}",
                file=str(file),
                rule="columns",
                fix="the first line names them: image,label,x,y",
            )
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"line {reader.line_num}"
            try:
                yield _line(cells, names, unit, where, decimal="," if comma == ";" else ".")
            except BadEntry as error:
                account.leave("lines that cannot be read", where, str(error))
    except csv.Error as error:
        raise DataError(f"cannot be read: {error}", file=str(file), row=reader.line_num, rule="CSV") from error


def _line(cells: list[str], names: list[str], unit: str, where: str, decimal: str) -> Marked:
    if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
        raise BadEntry(f"has {len(cells)} cells, the header {len(names)}: a text with a comma needs quotes")
    values = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
    label, image = values.get("label", ""), values.get("image", "")
    if not label or not image:
        raise BadEntry(f"the {'image' if label else 'label'} is empty")
    sides = {side: _point(values.get(side, ""), decimal) for side in ("width", "height")}
    marked = Marked(image=image, where=where, unit=unit, size=size(sides), whole=False)
    first, second = _UNITS[unit]
    x, y = _point(values.get(first, ""), decimal), _point(values.get(second, ""), decimal)
    if x or y:
        marked.marks.append(Mark(label=label, x=number(x, first), y=number(y, second), where=where))
    else:
        marked.absent.append(label)
    return marked


def _point(text: str, decimal: str) -> str:
    """A number with a decimal point, whatever parts its whole from the rest."""
    return text.replace(decimal, ".") if text.count(decimal) == 1 else text
