"""What rows of a published set look like and become, and what is said of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from openmolmo.data.sources.columns import Columns, Row
from openmolmo.data.sources.reading import Reading
from openmolmo.records.example import Annotation, ImageRef, Made

__all__ = ["Declared", "Layout"]

Annotate = Callable[[Row, Reading], Iterable[Annotation]]
Keep = Callable[[Row, Reading], bool]
MakePicture = Callable[[Row, Reading], ImageRef | None]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One form in which the rows of a set come.

    ``picture``: the column of the picture, or a function that gives it; ``url`` the column of its
    address, for sets whose pictures must be fetched; neither: text only. Rows with the same values of
    ``group`` are about one picture and become one example. ``parts`` is a column with a list: each of
    its items becomes an example. ``keep`` (a function of the columns ``keep_columns``) drops rows;
    ``keep_pictures`` drops rows without a picture. ``facts`` are columns kept for judging. ``made``
    says how the annotations of a row were made, where rows differ.
    """

    columns: Columns
    annotate: Annotate
    picture: str | MakePicture | None = None
    url: str | None = None
    group: tuple[str, ...] = ()
    parts: str | None = None
    keep: Keep | None = None
    keep_columns: tuple[str, ...] = ()
    keep_pictures: bool = False
    facts: tuple[str, ...] = ()
    made: Callable[[Row], Mapping[str, tuple[Made, ...]]] | None = None


class Declared(Protocol):
    """What an example takes over from the declaration of its set."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def licence(self) -> str: ...

    @property
    def picture(self) -> str: ...

    @property
    def made(self) -> Mapping[str, tuple[Made, ...]]: ...
