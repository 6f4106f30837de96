"""COCO: a JSON file with images, categories and annotations; the centre of each box is a point.

Boxes of crowds are left out: they have no countable centre. Negative categories of a picture
(``neg_category_ids``, as LVIS has them) are labels that are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from openmolmo.core.errors import DataError
from openmolmo.records.imports.marked import Account, BadEntry, Mark, Marked
from openmolmo.records.imports.values import entry, identity, numbers, read_json, required, size

__all__ = ["read_coco"]

T = TypeVar("T")


def read_coco(file: Path, account: Account) -> Iterator[Marked]:
    """Every picture of the file. An id that two pictures or two categories share is a :class:`DataError`."""
    values = read_json(file)
    if not isinstance(values, dict):
        raise DataError("is no COCO file: it is no object with fields", file=str(file), rule="form")
    for key in ("images", "categories", "annotations"):
        if not isinstance(values.get(key, [] if key == "annotations" else None), list):
            raise DataError(
                f"is no COCO file: it has no list {key!r}", file=str(file), field=key, rule="form", fix=_FIX[key]
            )
    names, twice = _by_id(values["categories"], "categories", _name, account, said=str)
    pictures, also = _by_id(values["images"], "images", _picture(names), account, said=lambda marked: marked.image)
    if repeated := [*also, *twice]:
        raise DataError(
            "ids stand for different things: " + "; ".join(repeated),
            file=str(file),
            field="id",
            rule="unique",
            fix="files were joined without new ids: import them one by one, or number the pictures anew",
        )
    for number, one in enumerate(values.get("annotations", [])):
        where = f"annotations[{number}]"
        try:
            _annotation(entry(one, where), where, names, pictures, account)
        except BadEntry as error:
            account.leave("boxes that cannot be read", where, str(error))
    yield from pictures.values()


_FIX = {
    "images": 'export as "COCO": images, categories, annotations',
    "categories": 'export as "COCO": images, categories, annotations',
    "annotations": "a list of boxes belongs there",
}


def _by_id(
    entries: list[Any],
    key: str,
    read: Callable[[Mapping[str, Any], str], T],
    account: Account,
    *,
    said: Callable[[T], str],
) -> tuple[dict[str, T], list[str]]:
    """The entries of a list by id, and a sentence for every id that stands for two different things."""
    found: dict[str, T] = {}
    repeated = []
    for number, one in enumerate(entries):
        where = f"{key}[{number}]"
        try:
            values = entry(one, where)
            name = identity(required(values, "id"), "id")
            made = read(values, where)
        except BadEntry as error:
            account.leave(f"{key} whose entry cannot be read", where, str(error))
            continue
        known = found.setdefault(name, made)
        if said(known) != said(made):
            repeated.append(f"{key} id {name} is {said(known)!r} and {said(made)!r} ({where})")
    return found, repeated


def _name(values: Mapping[str, Any], where: str) -> str:
    return str(required(values, "name"))


def _picture(names: Mapping[str, str]) -> Callable[[Mapping[str, Any], str], Marked]:
    def read(values: Mapping[str, Any], where: str) -> Marked:
        negative = values.get("neg_category_ids") or []
        if not isinstance(negative, list):
            raise BadEntry("neg_category_ids is no list")
        absent = [_known(names, one, "neg_category_ids", "category") for one in negative]
        name = str(required(values, "file_name"))
        return Marked(image=name, where=where, size=size(values), unit="pixel", absent=absent)

    return read


def _known(known: Mapping[str, T], value: object, field: str, what: str) -> T:
    """What an id stands for."""
    name = identity(value, field)
    if name not in known:
        raise BadEntry(f"{field} is {name}: the file has no such {what}")
    return known[name]


def _annotation(
    values: Mapping[str, Any], where: str, names: Mapping[str, str], pictures: Mapping[str, Marked], account: Account
) -> None:
    if values.get("iscrowd"):
        account.leave("boxes of crowds", where)
        return
    marked = _known(pictures, required(values, "image_id"), "image_id", "picture")
    label = _known(names, required(values, "category_id"), "category_id", "category")
    left, top, width, height = numbers(required(values, "bbox"), "bbox", 4)
    if width < 0 or height < 0:
        raise BadEntry(f"bbox is {width:g} wide and {height:g} high")
    marked.marks.append(Mark(label=label, x=left + width / 2, y=top + height / 2, where=where, extent=(width, height)))
    if values.get("num_keypoints"):
        account.leave("key points of boxes, of which the centre is taken", where, label)
