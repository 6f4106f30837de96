"""Requests from a JSON-lines file, or one for each picture of a folder."""

from __future__ import annotations

import codecs
import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openmolmo.core.config import Config, from_dict, to_dict
from openmolmo.core.errors import DataError, ImageError, OpenMolmoError
from openmolmo.core.progress import say
from openmolmo.pictures import pictures_in
from openmolmo.pictures.addresses import beside, is_folder
from openmolmo.records.names import is_whole
from openmolmo.words.requests import Request, ask_request, caption_request, count_request, point_request

_BOM = codecs.BOM_UTF8

__all__ = ["Asked", "RequestLine", "asked_of_each", "find_pictures", "read_line", "read_requests"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, the name by which its answer is found again, and what makes it another question.

    ``fault``: why it cannot be asked; there is no request then.
    """

    id: str
    request: Request
    question: str
    fault: OpenMolmoError | None = None


@dataclass(frozen=True, kw_only=True)
class RequestLine(Config):
    """One line of a file of requests.

        {"id": "a1", "task": "point", "image": "a.jpg", "text": "red star"}
        {"id": "a2", "image": "a.jpg", "text": "What color is it?", "style": "vqa2"}
        {"id": "a3", "task": "caption", "image": "a.jpg", "length": 40}

    ``id``: the line's number, unless given. ``image`` or ``images``: paths, relative to the file. ``text``: what
    to ask, point to or count; ``length``: of a caption, in units of 15 characters. The rest as in a request.
    """

    id: str | None = None
    task: Literal["ask", "caption", "point", "count"] = "ask"
    image: str | None = None
    images: tuple[str, ...] = ()
    text: str = ""
    style: str | None = None
    length: int | None = None
    history: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    max_new_tokens: int | None = None
    max_crops: int | None = None

    def request(self, folder: Path) -> Request:
        """The request, with paths from ``folder``; raises an error where the fields do not go together."""
        if self.image is not None and self.images:
            raise DataError("has image and images", field="image", rule="one of the two")
        for name in ("text", "style", "history", "stop"):
            if not is_whole(" ".join(_strings(getattr(self, name)))):
                raise DataError("half a character stands in it", field=name, rule="text that UTF-8 can hold")
        paths = tuple(beside(folder, path) for path in ((self.image,) if self.image is not None else self.images))
        return dataclasses.replace(
            self._task(paths),
            history=self.history,
            stop=self.stop,
            max_new_tokens=self.max_new_tokens,
            max_crops=self.max_crops,
        )

    def _task(self, paths: tuple[str, ...]) -> Request:
        for name, given, where in (
            ("style", self.style is not None and self.task != "ask", "of an ask"),
            ("text", bool(self.text) and self.task == "caption", "of anything but a caption"),
            ("length", self.length is not None and self.task != "caption", "of a caption"),
        ):
            if given:
                raise DataError(f"this {self.task} has a {name}", field=name, rule=f"{name} is a field {where}")
        if self.task == "ask":
            return ask_request(paths, self.text, self.style)
        if len(paths) != 1:
            raise DataError(f"this {self.task} has {len(paths)} pictures", field="image", rule="exactly one")
        if self.task == "caption":
            return caption_request(paths[0], self.length)
        return (point_request if self.task == "point" else count_request)(paths[0], self.text)


def read_requests(path: Path) -> list[Asked]:
    """Every request of a JSON-lines file, in order; pictures are not opened here.

    A line that cannot be understood, or whose id was there before, is one with a ``fault``: a DataError with file and
    line. Raises DataError where no line can be asked.
    """
    asked: dict[str, Asked] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(path.read_bytes().removeprefix(_BOM).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found = read_line(line, number, path.parent)
            if found.id in asked:
                again = f"id {found.id!r} was in line {lines[found.id]} already"
                raise DataError(again, fix="give every request an id of its own")
        except OpenMolmoError as error:
            fix = error.fix or "mend the line, then run the same again"
            fault = DataError(error.message, file=str(path), row=number, fix=fix)
            name = f"line {number}"
            while name in asked:
                name += "*"
            found = Asked(name, Request(), "", fault)
        asked[found.id], lines[found.id] = found, number
    if not asked:
        raise DataError("there is no request in it", file=str(path), fix='write lines like {"image": …, "text": …}')
    faults = [one.fault for one in asked.values() if one.fault is not None]
    if len(faults) == len(asked):
        raise faults[0]
    return list(asked.values())


def read_line(line: bytes, number: int, folder: Path) -> Asked:
    """The request of one line, with paths from ``folder``; ``number`` is its id where it has none. Raises DataError."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 text: {error}", fix="save it as UTF-8") from error
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also of a number with thousands of digits
        raise DataError(f"is not JSON: {error}", fix="write one JSON object a line") from error
    if not isinstance(values, dict):
        raise DataError(f"holds a {type(values).__name__}", fix="write one JSON object a line")
    read: RequestLine = from_dict(RequestLine, values)
    question = json.dumps({**values, "id": None}, sort_keys=True)
    return Asked(read.id or str(number), read.request(folder), question)


def _strings(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value or ()


def find_pictures(given: Sequence[str]) -> list[str]:
    """Paths of pictures; a folder stands for all pictures in it and its folders, in order of their names.

    Pictures of a folder are known by their content; a note on standard error counts what was passed over. Names
    of files are not looked up here. Raises ImageError where there is nothing but folders without any picture.
    """
    found: list[str] = []
    empty: list[str] = []
    for name in given:
        if not is_folder(name):
            found.append(name)
            continue
        inside = pictures_in(Path(name))
        found += map(str, inside.paths)
        if not inside.paths:
            empty.append(f"{name}: it is a folder without any" + (f" ({inside.said()})" if inside.said() else ""))
        elif inside.said():
            say(f"note: {name}: passed over {inside.said()}")
    if not found:
        raise ImageError(
            f"there is no picture {empty[0]}", kind="missing", fix="give pictures, or a folder with some in it"
        )
    for text in empty:
        say(f"note: {text}")
    return found


def asked_of_each(pictures: Iterable[str], make: Callable[[str], Request]) -> list[Asked]:
    """The same request about every picture; its path is its name. A picture given twice is asked about once."""
    asked = []
    for picture in dict.fromkeys(pictures):
        request = make(picture)
        question = json.dumps({**to_dict(request), "images": None}, sort_keys=True)
        asked.append(Asked(picture, request, question))
    return asked
