"""Where a mark of Label Studio is: which picture of its task, and which point of it.

<Image name="left" value="$image"/>      in the labelling interface binds to_name "left" to the key "image"
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.records.imports.marked import BadEntry, Mark, Marked
from openmolmo.records.imports.values import number, read_text, required

__all__ = ["Pictures", "bound_names", "place"]

_KEYS = ("image", "img", "picture", "photo", "url")
_PICTURE = re.compile(r"\.(jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|avif|jp2|ppm|heic)$", re.IGNORECASE)
_ADDRESS = re.compile(r"^([a-z][a-z0-9+.-]*://|/data/)", re.IGNORECASE)
_TAG = re.compile(r"<Image\b[^>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(name|value)\s*=\s*[\"']([^\"']*)[\"']", re.IGNORECASE)


def bound_names(config: Path) -> dict[str, str]:
    """Which key of the data each ``<Image>`` of a labelling interface shows, by the tag's name."""
    found = {}
    for tag in _TAG.findall(read_text(config)):
        values = {name.lower(): value for name, value in _ATTRIBUTE.findall(tag)}
        if values.get("name") and values.get("value", "").startswith("$"):
            found[values["name"]] = values["value"][1:]
    if not found:
        raise DataError(
            'has no <Image name="..." value="$...">',
            file=str(config),
            rule="form",
            fix="copy the code of Settings > Labeling Interface into the file",
        )
    return found


class Pictures:
    """The pictures of one task, and which of them a result belongs to."""

    def __init__(self, data: Mapping[str, Any], bound: Mapping[str, str], where: str) -> None:
        self._data, self._bound, self._where = data, bound, where
        self._keys = _picture_keys(data)
        if not self._keys:
            raise BadEntry(f"its data names no picture: {', '.join(data) or 'it is empty'}")
        self._made: dict[str, Marked] = {}

    def of(self, result: Mapping[str, Any]) -> Marked:
        """The picture of a result; with several, one that ``to_name`` does not tell is a :class:`BadEntry`."""
        name = str(result.get("to_name", ""))
        key = self._bound.get(name, name)
        known = key in self._keys or (name in self._bound and isinstance(self._data.get(key), str))
        if not known:
            if len(self._keys) > 1:
                raise BadEntry(
                    f"is on {name!r}, and the task has the pictures {', '.join(self._keys)}: "
                    "give the labelling interface with --config FILE"
                )
            key = self._keys[0]
        return self._made.setdefault(key, Marked(image=str(self._data[key]), where=self._where))

    def marked(self) -> Iterator[Marked]:
        """Those that something was said about; the first one if nothing was."""
        yield from self._made.values() or [Marked(image=str(self._data[self._keys[0]]), where=self._where)]


def _picture_keys(data: Mapping[str, Any]) -> list[str]:
    """The keys whose values name pictures: by their form, else by the key, else the only one there is."""
    texts = {key: value for key, value in data.items() if isinstance(value, str) and value.strip()}
    found = [key for key, value in texts.items() if _PICTURE.search(value.partition("?")[0])]
    if not found:
        found = [key for key, value in texts.items() if _ADDRESS.search(value)]
    if not found:
        found = [key for key in _KEYS if key in texts][:1]
    return found or (list(texts) if len(texts) == 1 else [])


def place(label: str, shape: str, value: Mapping[str, Any], size: tuple[float, float] | None, where: str) -> Mark:
    """The point of a mark, in percent: of a key point and an ellipse its place, of a box its centre.

    A box is turned by ``rotation`` degrees, clockwise and in pixels, about its top left corner.
    """
    x, y = number(required(value, "x"), "x"), number(required(value, "y"), "y")
    if shape == "ellipse":
        return Mark(label=label, x=x, y=y, where=where, extent=_extent(value, "radiusX", "radiusY"))
    if shape != "rectangle":
        return Mark(label=label, x=x, y=y, where=where)
    width, height = number(required(value, "width"), "width"), number(required(value, "height"), "height")
    turn = math.radians(number(value.get("rotation") or 0, "rotation"))
    half_x, half_y = width / 2, height / 2
    if turn:
        if size is None:
            raise BadEntry("is turned, and the file lacks the picture's original_width and original_height")
        ratio = size[0] / size[1]
        half_x, half_y = (
            half_x * math.cos(turn) - half_y / ratio * math.sin(turn),
            half_x * ratio * math.sin(turn) + half_y * math.cos(turn),
        )
    return Mark(label=label, x=x + half_x, y=y + half_y, where=where, extent=(width, height, turn))


def _extent(value: Mapping[str, Any], *keys: str) -> tuple[float, ...]:
    return tuple(number(value.get(key) or 0, key) for key in keys)
