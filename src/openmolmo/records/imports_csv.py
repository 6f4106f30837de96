"""A plain CSV file with a header: one point a line.

    image,label,x,y
    a.jpg,red star,120,48
    a.jpg,blue cup,,            without x and y: it was looked for and is not there

``x`` and ``y`` are pixels from the top left; columns ``x_percent`` and ``y_percent`` instead of them are percent,
``x_fraction`` and ``y_fraction`` 0 to 1. Columns ``width`` and ``height`` may give the size the pixels belong to.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from openmolmo.core.errors import DataError
from openmolmo.records.imports import Marked

__all__ = ["read_csv"]

_UNITS = {"pixel": ("x", "y"), "percent": ("x_percent", "y_percent"), "fraction": ("x_fraction", "y_fraction")}


def read_csv(file: Path, left_out: Counter[str]) -> Iterator[Marked]:
    """One entry a line; lines of one picture need not stand together."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        try:
            reader = csv.DictReader(stream)
            names = reader.fieldnames or []
            unit = next((unit for unit, pair in _UNITS.items() if set(pair) <= set(names)), None)
            if unit is None or not {"image", "label"} <= set(names):
                raise DataError(
                    f"has the columns {', '.join(names)}",
                    file=str(file),
                    rule="columns",
                    fix="the first line names them: image,label,x,y",
                )
            for values in reader:
                yield _line(values, unit, file, reader.line_num)
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"cannot be read: {error}", file=str(file), rule="CSV") from error


def _line(values: dict[str, str | None], unit: str, file: Path, number: int) -> Marked:
    label, image = (values["label"] or "").strip(), (values["image"] or "").strip()
    if not label or not image:
        raise DataError("image or label is empty", file=str(file), row=number, rule="text")
    x, y = ((values[name] or "").strip() for name in _UNITS[unit])
    try:
        width, height = ((values.get(name) or "").strip() for name in ("width", "height"))
        marked = Marked(image=image, unit=unit, size=(int(width), int(height)) if width and height else None)
        if x or y:
            marked.add(label, float(x), float(y))
        else:
            marked.absent.append(label)
    except ValueError as error:
        raise DataError(f"x and y are {x!r} and {y!r}: {error}", file=str(file), row=number, rule="number") from error
    return marked
