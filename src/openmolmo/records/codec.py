"""Examples as plain values and back: one flat row for Parquet, one JSON object for an annotation.

    Pointing(label="red star", points=(Point(20.5, 31.0),))
    <-> {"kind": "pointing", "label": "red star", "points": [{"x": 20.5, "y": 31.0}], "style": "pointing"}

Reading is strict about form: unknown keys, missing keys and wrong types raise :class:`DataError`
with the field and the rule. Whether the values make sense (points within 0-100, ...) is the
business of ``records/rules.py``.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast, get_args

from openmolmo.core.errors import DataError
from openmolmo.records.example import (
    ANNOTATION_KINDS,
    Annotation,
    Example,
    ImageRef,
    Made,
    Mask,
    Point,
    Provenance,
    Split,
)

__all__ = [
    "annotation_from_dict",
    "annotation_to_dict",
    "example_to_row",
    "provenance_from_dict",
    "provenance_to_dict",
    "row_to_example",
    "unknown_field",
]

Reader = Callable[[Any, str], Any]


def annotation_to_dict(annotation: Annotation) -> dict[str, Any]:
    """The JSON form: ``kind`` first, fields that are empty or None left out."""
    values: dict[str, Any] = {"kind": annotation.kind}
    for item in dataclasses.fields(annotation):
        value = getattr(annotation, item.name)
        optional = item.default is not dataclasses.MISSING
        if value is None or (optional and value == ()):
            continue
        values[item.name] = _plain(value)
    return values


def annotation_from_dict(values: Any, *, field: str = "annotation") -> Annotation:
    """Read the JSON form; ``field`` is how errors call the place, e.g. ``annotations[2]``."""
    if not isinstance(values, Mapping):
        raise _wrong(field, values, "an object")
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in ANNOTATION_KINDS:
        raise DataError(
            f"{kind!r} is no annotation kind; known: {', '.join(ANNOTATION_KINDS)}", field=f"{field}.kind", rule="kind"
        )
    fields = {key: value for key, value in values.items() if key != "kind"}
    return cast(Annotation, _read_dataclass(ANNOTATION_KINDS[kind], fields, field))


def provenance_to_dict(provenance: Provenance) -> dict[str, Any]:
    """The JSON form of a provenance."""
    values = {item.name: getattr(provenance, item.name) for item in dataclasses.fields(provenance)}
    return {**values, "made": {kind: [str(made) for made in how] for kind, how in provenance.made.items()}}


def provenance_from_dict(values: Any, *, field: str = "provenance") -> Provenance:
    """Read the JSON form of a provenance."""
    return cast(Provenance, _read_dataclass(Provenance, values, field))


def example_to_row(example: Example) -> dict[str, Any]:
    """One flat row; ``image`` is the Hugging Face struct of bytes and path, nested values are JSON text.

    The second picture and those after it are a list of the same five columns in ``more_images``.
    """
    for image in example.images:
        if image.data is None and image.path is None and image.url is None:
            raise DataError(
                f"the image of {example.id!r} has no bytes, path or URL", field="image", rule="one is given"
            )
    if example.image is None and example.more_images:
        raise DataError(f"{example.id!r} has more images but no first one", field="image", rule="required")
    row = {
        "id": example.id,
        **_image_row(example.image or ImageRef()),
        "more_images": [_image_row(image) for image in example.more_images] or None,
        "annotations": _dump([annotation_to_dict(item) for item in example.annotations], "annotations"),
        "provenance": _dump(provenance_to_dict(example.provenance), "provenance"),
        "facts": _dump(example.facts, "facts"),
        "split": example.split,
    }
    for part in (row, *(row["more_images"] or ())):
        for key, value in part.items():
            if isinstance(value, str):
                _check_utf8(value, key)
    return row


def _image_row(image: ImageRef) -> dict[str, Any]:
    has_struct = image.data is not None or image.path is not None
    return {
        "image": {"bytes": image.data, "path": image.path} if has_struct else None,
        "image_url": image.url,
        "width": image.width,
        "height": image.height,
        "sha256": image.sha256,
    }


def row_to_example(row: Mapping[str, Any]) -> Example:
    """The example of a row made by :func:`example_to_row`."""
    for key in ("id", "annotations", "provenance", "split"):
        if not isinstance(row.get(key), str):
            raise _wrong(key, row.get(key), "a text")
    if row["split"] not in get_args(Split):
        raise DataError(f"split is {row['split']!r}, not {', '.join(get_args(Split))}", field="split", rule="split")
    annotations = _load(row["annotations"], "annotations")
    if not isinstance(annotations, list):
        raise _wrong("annotations", annotations, "a list")
    facts = _load(row.get("facts") or "{}", "facts")
    if not isinstance(facts, dict):
        raise _wrong("facts", facts, "an object")
    return Example(
        id=row["id"],
        image=_row_image(row),
        more_images=tuple(_later_image(values) for values in row.get("more_images") or ()),
        annotations=tuple(annotation_from_dict(item, field=f"annotations[{i}]") for i, item in enumerate(annotations)),
        provenance=provenance_from_dict(_load(row["provenance"], "provenance")),
        split=row["split"],
        facts=facts,
    )


def _row_image(row: Mapping[str, Any]) -> ImageRef | None:
    struct = row.get("image") or {}
    if not struct and row.get("image_url") is None:
        return None
    return ImageRef(
        data=struct.get("bytes"),
        path=struct.get("path"),
        url=row.get("image_url"),
        width=row.get("width"),
        height=row.get("height"),
        sha256=row.get("sha256"),
    )


def _later_image(values: Mapping[str, Any]) -> ImageRef:
    image = _row_image(values)
    if image is None:
        raise DataError("a picture after the first has no bytes, path or URL", field="more_images", rule="one is given")
    return image


def _plain(value: Any) -> Any:
    if isinstance(value, Point):
        return {"x": value.x, "y": value.y} | ({"image": value.image} if value.image else {})
    if isinstance(value, Mask):
        return {"height": value.height, "width": value.width, "counts": list(value.counts)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _dump(value: Any, field: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise DataError(f"cannot be written as JSON: {error}", field=field, rule="finite JSON values") from error


def _load(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON: {error}", field=field, rule="JSON") from error


def _check_utf8(text: str, field: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"holds half a character: {error.reason}", field=field, rule="valid Unicode") from error


def _read_dataclass(cls: type[Any], values: Any, where: str) -> Any:
    """Build ``cls`` from JSON values by the readers of its fields' types."""
    if not isinstance(values, Mapping):
        raise _wrong(where, values, "an object")
    items = dataclasses.fields(cls)
    names = [item.name for item in items]
    for key in values:
        if key not in names:
            raise unknown_field(key, names, f"{where}.{key}")
    arguments = {}
    for item in items:
        if item.name in values:
            arguments[item.name] = _READERS[str(item.type)](values[item.name], f"{where}.{item.name}")
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise DataError(f"{item.name!r} is missing", field=f"{where}.{item.name}", rule="required")
    return cls(**arguments)


def unknown_field(key: str, names: Iterable[str], where: str) -> DataError:
    """The error for a key that means nothing, with the nearest one that does."""
    known = list(names)
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    return DataError(f"{key!r} is not a field here; {hint}", field=where, rule="known field")


def _wrong(field: str, value: Any, wanted: str) -> DataError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return DataError(f"{shown} is not {wanted}", field=field, rule="type")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong(where, value, "a text")
    return value


def _integer(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(where, value, "a whole number")
    return value


def _number(value: Any, where: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _wrong(where, value, "a number")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _point(value: Any, where: str) -> Point:
    readers: dict[str, Reader] = {"x": _number, "y": _number}
    if isinstance(value, Mapping) and "image" in value:
        readers["image"] = _integer
    return Point(**_exactly(value, readers, where))


def _mask(value: Any, where: str) -> Mask:
    return Mask(**_exactly(value, {"height": _integer, "width": _integer, "counts": _integers}, where))


def _made(value: Any, where: str) -> Made:
    if value not in list(Made):
        raise DataError(f"{value!r} is no way of making; known: {', '.join(Made)}", field=where, rule="made")
    return Made(value)


def _exactly(value: Any, readers: Mapping[str, Reader], where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or set(value) != set(readers):
        raise _wrong(where, value, f"an object of {', '.join(readers)}")
    return {key: read(value[key], f"{where}.{key}") for key, read in readers.items()}


def _tuple(read: Reader) -> Reader:
    def read_all(value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise _wrong(where, value, "a list")
        return tuple(read(item, f"{where}[{i}]") for i, item in enumerate(value))

    return read_all


def _integers(value: Any, where: str) -> tuple[int, ...]:
    """Like ``_tuple(_integer)``, without naming each place unless one is wrong: masks have thousands."""
    if isinstance(value, list) and set(map(type, value)) <= {int}:
        return tuple(value)
    return cast(tuple[int, ...], _tuple(_integer)(value, where))


def _optional(read: Reader) -> Reader:
    return lambda value, where: None if value is None else read(value, where)


def _object_of(read: Reader) -> Reader:
    def read_all(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(where, value, "an object")
        return {_text(key, where): read(item, f"{where}.{key}") for key, item in value.items()}

    return read_all


_READERS: dict[str, Reader] = {
    "str": _text,
    "str | None": _optional(_text),
    "int": _integer,
    "int | None": _optional(_integer),
    "tuple[str, ...]": _tuple(_text),
    "tuple[Point, ...]": _tuple(_point),
    "tuple[tuple[Point, ...], ...]": _tuple(_tuple(_point)),
    "tuple[Mask, ...]": _tuple(_mask),
    "dict[str, str]": _object_of(_text),
    "dict[str, tuple[Made, ...]]": _object_of(_tuple(_made)),
}
"""How each field type of the records is read; the key is the type as it is written in the class."""
