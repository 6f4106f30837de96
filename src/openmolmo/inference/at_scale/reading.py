"""The requests of one part of a source."""

from __future__ import annotations

import codecs
import dataclasses
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from openmolmo.core.config import from_dict
from openmolmo.core.errors import DataError, OpenMolmoError
from openmolmo.core.files import sha256_bytes
from openmolmo.inference.at_scale.parts import Part
from openmolmo.inference.request_file import Asked, RequestLine, read_line
from openmolmo.words.requests import Request

__all__ = ["read_part"]

_COLUMNS = {field.name for field in dataclasses.fields(RequestLine)}


def read_part(part: Part, default: Mapping[str, Any]) -> list[Asked]:
    """Every request of a part, in order; one that cannot be understood has a ``fault``.

    ``default``: fields of a request line for what has none of its own (``task``, ``text`` …). Ids that occur twice in
    one part are a fault of the second.
    """
    asked: dict[str, Asked] = {}
    for name, make in _requests(part, default):
        try:
            found = make()
            if found.id in asked:
                raise DataError(f"id {found.id!r} was there already", fix="give every request an id of its own")
        except OpenMolmoError as error:
            fault = DataError(
                error.message, file=part.path or None, fix=error.fix or "mend it, then run the same again"
            )
            found = Asked(name if name not in asked else f"{name}*", Request(), "", fault)
        asked[found.id] = found
    return list(asked.values())


def _requests(part: Part, default: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(a name for what cannot be understood, what makes the request) of each."""
    if part.kind == "pictures":
        for path in part.paths:
            name = str(Path(path).relative_to(part.path))
            yield name, lambda name=name, path=path: _of_values({"id": name, "image": path}, default, Path())
    elif part.kind == "table":
        for place, values in enumerate(_rows(part), start=part.first):
            yield f"row {place}", lambda values=values, place=place: _of_row(values, default, str(place), part)
    else:
        with Path(part.path).open("rb") as stream:
            stream.seek(part.start)
            for number, line in enumerate(islice(stream, part.count), start=part.first + 1):
                line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                if line.strip():
                    yield (
                        f"line {number}",
                        lambda line=line, number=number: read_line(line, number, Path(part.path).parent),
                    )


def _rows(part: Part) -> Iterator[dict[str, Any]]:
    """Rows of a Parquet file: only the groups that hold them are read, only the columns of a request."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(part.path) as table:
        columns = [name for name in table.schema_arrow.names if name in _COLUMNS]
        start = 0
        for group in range(table.num_row_groups):
            count = table.metadata.row_group(group).num_rows
            low, high = max(part.start, start), min(part.start + part.count, start + count)
            if low < high:
                yield from table.read_row_group(group, columns=columns).slice(low - start, high - low).to_pylist()
            start += count


def _of_row(row: Mapping[str, Any], default: Mapping[str, Any], name: str, part: Part) -> Asked:
    """A row's fields, without empty ones; pictures are paths, or encoded bytes (also as ``{"bytes": …}``)."""
    values = {key: value for key, value in row.items() if value is not None}
    values["id"] = str(values.get("id", name))
    images = [
        _picture(image) for image in (values.pop("images", None) or [values.pop("image", None)]) if image is not None
    ]
    if "image" in values:
        raise DataError("has image and images", field="image", rule="one of the two")
    # The bytes take the place of the paths once everything else is known to be sound.
    values["images"] = [image if isinstance(image, str) else f"bytes {number}" for number, image in enumerate(images)]
    found = _of_values(values, default, Path(part.path).parent)
    pictures = [
        path if isinstance(image, str) else image for path, image in zip(found.request.images, images, strict=True)
    ]
    digests = [image if isinstance(image, str) else sha256_bytes(image)[:16] for image in images]
    question = json.dumps([found.question, digests])
    return Asked(found.id, dataclasses.replace(found.request, images=tuple(pictures)), question)


def _picture(value: Any) -> str | bytes:
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if not isinstance(value, str | bytes):
        raise DataError(f"is a {type(value).__name__}", field="image", rule="a path, or the bytes of a picture file")
    return value


def _of_values(values: Mapping[str, Any], default: Mapping[str, Any], folder: Path) -> Asked:
    whole = {**default, **values}
    line: RequestLine = from_dict(RequestLine, whole)
    question = json.dumps({**whole, "id": None}, sort_keys=True)
    return Asked(str(line.id), line.request(folder), question)
