"""A user's own data: one JSON object a line, and a folder of pictures.

The shortest rows. Paths are relative to the JSONL file; points are percent of width and height:

    {"image": "a.jpg", "label": "red star", "points": [{"x": 20.5, "y": 31.0}]}
    {"image": "a.jpg", "label": "blue cup", "points": []}                       it is not there
    {"image": "a.jpg", "label": "red star", "count": 3}
    {"image": "a.jpg", "caption": "Three red stars on a table."}
    {"image": "a.jpg", "transcript": "So, um, there are three stars ..."}
    {"image": "a.jpg", "question": "What colour?", "answer": "red"}             or "answers": [...]
    {"image": "a.jpg", "question": "What?", "options": ["cup", "star"], "answer_index": 1}
    {"image": "a.jpg", "dialogue": ["What is this?", "A star.", "And its colour?", "Red."]}

Several pictures are a list, and a point that is not in the first says in which one it is (from 0):

    {"images": ["a.jpg", "b.jpg"], "label": "cup", "points": [{"x": 20.5, "y": 31.0, "image": 1}]}

An entry of the list is a path or an address, or an object of image, image_url, width, height and sha256.
An image may also be a ``data:`` or ``file:`` address.

One row may hold a caption and a question together. The full form has a list ``annotations`` in the
JSON form of ``records/codec.py``. Every row may also have: id, split, style, image_url, width,
height, sha256, facts, and ``provenance`` (any of its fields). ``"image": null`` means text only.

Defaults for all rows stand in ``dataset.json`` beside the JSONL file, or, for ``rows.jsonl`` alone, in
``rows.dataset.json`` (then ``dataset.json`` says nothing about it):

    {"dataset": "my-stars", "licence": "CC-BY-4.0", "split": "train", "images": "pictures",
     "made": {"pointing": "person-clicked", "caption": ["person-spoken", "speech-recognition"]}}

What neither the row nor ``dataset.json`` says about how an annotation was made is ``unknown``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from openmolmo.core.errors import DataError, ImageError
from openmolmo.core.files import sha256_bytes
from openmolmo.pictures.addresses import beside, from_address
from openmolmo.records.codec import annotation_from_dict, provenance_from_dict, unknown_field
from openmolmo.records.example import Annotation, Example, ImageRef, Made, Split
from openmolmo.records.names import existing_path, is_whole, whole_text

__all__ = ["JsonlDataset", "own_sidecar"]

SIDECAR = "dataset.json"

_MOST_PIXELS = 2**31 - 1  # of a side, as the shards keep it
_SIDECAR_KEYS = ("dataset", "licence", "made", "image", "tool", "version", "receipts", "split", "images")
_IMAGE_KEYS = ("image", "image_url", "width", "height", "sha256")
_COMMON_KEYS = ("id", "split", *_IMAGE_KEYS, "images", "facts", "provenance")
_QUESTION_KEYS = ("question", "answer", "answers", "options", "answer_index")
_SHORT_KEYS = ("caption", "transcript", "dialogue", "label", "points", "masks", "count", *_QUESTION_KEYS, "style")


@dataclass(frozen=True)
class _Defaults:
    """What ``dataset.json`` says about all rows."""

    provenance: dict[str, Any]
    split: str = "train"
    images: str = ""
    made: dict[str, Any] = field(default_factory=dict)


class JsonlDataset:
    """The examples of a JSONL file, read when asked for; ``path`` is the file, or a folder with one in it.

    A row that breaks the form raises :class:`DataError` with file, line (from 1), field and rule.
    Pictures are not opened here.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = find_jsonl(Path(path))
        self.folder = self.path.parent
        self._name = whole_text(self.path.stem)
        own = own_sidecar(self.path)
        self._defaults = _read_sidecar(own if own.exists() else self.folder / SIDECAR)
        self._content = self.path.read_bytes().removeprefix(b"\xef\xbb\xbf")  # some editors add this mark
        self._lines = _line_spans(self._content)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the rows and the defaults; pictures are not part of it."""
        return sha256_bytes(self._content + repr(self._defaults).encode())

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> Example:
        length = len(self)
        if not -length <= index < length:
            raise IndexError(f"index {index} of a data set of {length} examples")
        line, start, end = self._lines[index]
        try:
            values = json.loads(self._content[start:end].decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise DataError(f"the line is not JSON: {error}", file=str(self.path), row=line, rule="JSON") from error
        try:
            return self._example(values, line)
        except DataError as error:
            raise DataError(
                error.reason, file=str(self.path), row=line, field=error.field, rule=error.rule, fix=error.fix
            ) from error

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def locate(self, index: int) -> tuple[Path, int]:
        """The file and the line (from 1) of an index."""
        return self.path, self._lines[index][0]

    def field_name(self, index: int, field: str) -> str:
        """How row ``index`` itself calls a field of its example: a short row has no ``annotations[0]``."""
        _, start, end = self._lines[index]
        prefix, dot, rest = field.partition(".")
        if not dot or not prefix.startswith("annotations[") or b'"annotations"' in self._content[start:end]:
            return field
        number = int(prefix[len("annotations[") : -1])
        return _short_name(rest, self[index].annotations[number].kind)

    def _example(self, row: Any, line: int) -> Example:
        if not isinstance(row, Mapping):
            raise DataError("the line is no JSON object", rule="type")
        full = "annotations" in row
        known = (*_COMMON_KEYS, "annotations") if full else (*_COMMON_KEYS, *_SHORT_KEYS)
        for key in row:
            if key not in known and full and key in _SHORT_KEYS:
                raise DataError(f"{key!r} cannot stand beside annotations", field=key, rule="short or full form")
            if key not in known:
                raise unknown_field(key, known, key)
        annotations = _full_form(row["annotations"]) if full else tuple(_short_form(row))
        images = self._images(row)
        return Example(
            id=_identity(row) or f"{self._name}-{line:06d}",
            image=images[0] if images else None,
            more_images=images[1:],
            annotations=annotations,
            provenance=provenance_from_dict(self._provenance(row, annotations)),
            split=_split(row.get("split", self._defaults.split)),
            facts=_typed(row, "facts", dict) or {},
        )

    def _images(self, row: Mapping[str, Any]) -> tuple[ImageRef, ...]:
        """Those of the list ``images``, or the one that the row itself names."""
        if "images" not in row:
            only = self._image(row)
            return () if only is None else (only,)
        for key in _IMAGE_KEYS:
            if key in row:
                raise DataError(f"{key!r} cannot stand beside 'images'", field=key, rule="one of them")
        found = []
        for number, entry in enumerate(_typed(row, "images", list) or ()):
            where = f"images[{number}]"
            values = {"image": entry} if isinstance(entry, str) else entry
            if not isinstance(values, Mapping):
                raise DataError(f"{entry!r} is neither a path nor an object", field=where, rule="type")
            for key in values:
                if key not in _IMAGE_KEYS:
                    raise unknown_field(key, _IMAGE_KEYS, f"{where}.{key}")
            found.append(self._entry(values, where))
        return tuple(found)

    def _entry(self, values: Mapping[str, Any], where: str) -> ImageRef:
        """One picture of the list ``images``."""
        try:
            image = self._image({"image": None, **values})
        except DataError as error:
            raise DataError(error.reason, field=f"{where}.{error.field}", rule=error.rule, fix=error.fix) from error
        if image is None:
            raise DataError("the entry names no image", field=where, rule="required")
        return image

    def _image(self, row: Mapping[str, Any]) -> ImageRef | None:
        name, url = _typed(row, "image", str), _typed(row, "image_url", str)
        if "image" not in row and url is None:
            raise DataError(
                "the row names no image", field="image", rule="required", fix='write "image": null for text only'
            )
        if name is None and url is None:
            return None
        if name is not None and name.startswith(("http://", "https://")):
            name, url = None, name
        if name is not None and not is_whole(name):
            raise DataError("the name holds half a character", field="image", rule="valid Unicode")
        source = None if name is None else self._source(name)
        return ImageRef(
            data=source if isinstance(source, bytes) else None,
            path=source if isinstance(source, str) else None,
            url=url,
            width=_pixels(row, "width"),
            height=_pixels(row, "height"),
            sha256=_typed(row, "sha256", str),
        )

    def _source(self, name: str) -> bytes | str:
        """The bytes of a ``data:`` address, or a path: of a ``file:`` address, or in the folder of pictures."""
        try:
            folder = self.folder / self._defaults.images
            where = beside(folder, name)
            if where == str(folder / name):  # no address, so a file, in any Unicode form
                where = str(existing_path(folder, name))
            return from_address(where)
        except ImageError as error:
            raise DataError(error.message, field="image", rule="readable", fix=error.fix) from error

    def _provenance(self, row: Mapping[str, Any], annotations: tuple[Annotation, ...]) -> dict[str, Any]:
        own = dict(_typed(row, "provenance", dict) or {})
        said = {**self._defaults.made, **_made(own.pop("made", {}), "provenance.made")}
        made = {item.kind: said.get(item.kind, [str(Made.UNKNOWN)]) for item in annotations}
        defaults = {"dataset": self._name, "licence": "unknown", **self._defaults.provenance}
        return {**defaults, **own, "made": made}


def own_sidecar(path: Path) -> Path:
    """The file with the defaults of one JSONL file alone."""
    return path.with_name(f"{path.stem}.{SIDECAR}")


def find_jsonl(path: Path) -> Path:
    """The JSONL file that ``path`` is, or the only one in the folder that ``path`` is."""
    if path.is_file():
        return path
    found = sorted(path.glob("*.jsonl")) if path.is_dir() else []
    if len(found) == 1:
        return found[0]
    what = f"{path} holds {len(found)} JSONL files" if path.is_dir() else f"{path} does not exist"
    fix = f"name one of them: {', '.join(item.name for item in found[:5])}" if found else "name a JSONL file"
    raise DataError(what, file=str(path), rule="one JSONL file", fix=fix)


def _line_spans(content: bytes) -> list[tuple[int, int, int]]:
    """Line number (from 1), start and end of every line that is not blank."""
    spans, start = [], 0
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            spans.append((number, start, start + len(line)))
        start += len(line) + 1
    return spans


def _read_sidecar(path: Path) -> _Defaults:
    if not path.exists():
        return _Defaults({})
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(values, dict):
            raise DataError("is no JSON object", rule="type")
        for key in values:
            if key not in _SIDECAR_KEYS:
                raise unknown_field(key, _SIDECAR_KEYS, key)
        made = _made(values.pop("made", {}), "made")
        split = _split(values.pop("split", "train"))
        images = _typed(values, "images", str) or ""
        values.pop("images", None)
        provenance_from_dict({"dataset": "", "licence": "", **values, "made": made})
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON: {error}", file=str(path), rule="JSON") from error
    except DataError as error:
        place = (error.field or "").removeprefix("provenance.") or None
        raise DataError(error.reason, file=str(path), field=place, rule=error.rule, fix=error.fix) from error
    return _Defaults(values, split, images, made)


def _made(values: Any, where: str) -> dict[str, Any]:
    """How annotations were made, by kind; a single way may stand without a list."""
    if not isinstance(values, Mapping):
        raise DataError(f"{values!r} is not an object of annotation kinds", field=where, rule="type")
    return {kind: [how] if isinstance(how, str) else how for kind, how in values.items()}


def _full_form(values: Any) -> tuple[Annotation, ...]:
    if not isinstance(values, list):
        raise DataError("annotations is not a list", field="annotations", rule="type")
    return tuple(annotation_from_dict(item, field=f"annotations[{i}]") for i, item in enumerate(values))


def _short_form(row: Mapping[str, Any]) -> Iterator[Annotation]:
    """The annotations that the keys of a short row stand for."""
    style = {"style": row["style"]} if "style" in row else {}
    made: list[dict[str, Any]] = []
    for kind, key, name in (
        ("caption", "caption", "text"),
        ("transcript", "transcript", "text"),
        ("dialogue", "dialogue", "turns"),
    ):
        if key in row:
            made.append({"kind": kind, name: row[key], **style})
    if "label" in row:
        made.append({**_labelled(row), **style})
    elif "question" in row:
        answers = row.get("answers", [row["answer"]] if "answer" in row else [])
        extra = {key: row[key] for key in ("options", "answer_index") if key in row}
        made.append({"kind": "question_answer", "question": row["question"], "answers": answers, **extra, **style})
    _check_no_orphans(row)
    for values in made:
        try:
            yield annotation_from_dict(values, field=values["kind"])
        except DataError as error:
            place = _short_name((error.field or "").partition(".")[2], values["kind"])
            raise DataError(error.reason, field=place, rule=error.rule, fix=error.fix) from error


def _short_name(field: str, kind: str) -> str:
    """The key of a short row for a field of an annotation: its text stands under the kind's name."""
    return kind + field.removeprefix("text").removeprefix("turns") if field.startswith(("text", "turns")) else field


def _labelled(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with a label: counting when there is a count, otherwise pointing; no points: not present."""
    values = {key: row[key] for key in ("label", "question", "points", "masks") if key in row}
    if "count" in row:
        return {"kind": "counting", "count": row["count"], **values}
    if "points" not in row:
        raise DataError("a label needs points or a count", field="label", rule="points or count")
    if row["points"] == []:
        return {"kind": "not_present", **{key: row[key] for key in ("label", "question") if key in row}}
    return {"kind": "pointing", **values}


def _check_no_orphans(row: Mapping[str, Any]) -> None:
    """Keys that mean something only beside another one."""
    for key in ("answer", "answers", "options", "answer_index"):
        if key in row and ("label" in row or (key == "answer" and "answers" in row)):
            other = "label" if "label" in row else "answers"
            raise DataError(f"{key!r} cannot stand beside {other!r}", field=key, rule="one of them")
    for keys, partner in ((("points", "count", "masks"), "label"), (_QUESTION_KEYS[1:], "question")):
        for key in keys:
            if key in row and partner not in row:
                raise DataError(f"{key!r} needs {partner!r} beside it", field=partner, rule="required")


def _split(value: Any) -> Split:
    for name in get_args(Split):
        if value == name:
            return name  # type: ignore[no-any-return]
    raise DataError(f"split is {value!r}, not {', '.join(get_args(Split))}", field="split", rule="split")


def _identity(row: Mapping[str, Any]) -> str | None:
    """The id of a row; a whole number is the same as its digits."""
    value = row.get("id")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _typed(row, "id", str)


def _pixels(row: Mapping[str, Any], key: str) -> int | None:
    """A size; 200.0 is 200."""
    value = row.get(key)
    if isinstance(value, float) and value.is_integer():
        row = {key: int(value)}
    number: int | None = _typed(row, key, int)
    if number is not None and abs(number) > _MOST_PIXELS:
        raise DataError(f"{key} is more than {_MOST_PIXELS}", field=key, rule="image")
    return number


def _typed(row: Mapping[str, Any], key: str, kind: type[Any]) -> Any:
    """``row[key]`` of that type, or None when it is absent or null."""
    value = row.get(key)
    if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    words = {str: "a text", int: "a whole number", dict: "an object", list: "a list"}
    raise DataError(f"{value!r} is not {words[kind]}", field=key, rule="type")
