"""The form in which a published set is declared: one object of this class, in a file of its own.

    SOURCE = PublishedSet(
        name="st_vqa",
        places={"train": HubPlace(repo="vikhyatk/st-vqa", split="train")},
        layouts=(Layout(columns={"image": PICTURE, "qas": many(...)}, annotate=_annotate, picture="image"),),
        ...
    )

A layout is one form in which the rows come (the hub's; some sets also their authors' own release):
its columns with their types, which of them is the picture, by what rows belong together, and a pure
function from a row to annotations. Called with options, the object opens a data set::

    SOURCE(path="copies/st_vqa")        a folder with the files of the hub (or of the authors)
    SOURCE()                            from the hub, through the `datasets` library
    SOURCE.stream(...)                  examples in order, fetched as they are used
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.data.sources.columns import missing_columns
from openmolmo.data.sources.hub import HubPlace, HubRows, stream_hub
from openmolmo.data.sources.images import ImageFinder, open_images
from openmolmo.data.sources.layout import Layout
from openmolmo.data.sources.published_source import PublishedSource, examples_in_order
from openmolmo.data.sources.reading import Reading
from openmolmo.data.sources.rows import JoinedRows, Rows, open_rows
from openmolmo.records.example import Example, Made, Split

__all__ = ["HubPlace", "Layout", "PublishedSet", "Reading"]


@dataclass(frozen=True, kw_only=True)
class PublishedSet:
    """A published data set: where it is, what its rows look like, and what they become.

    ``places`` says where each split stands on the hub; splits that are only in the authors' release
    (``home``) are in ``elsewhere``, with the name that their files have. ``made`` says how each
    annotation kind was made, ``picture`` how the pictures were. ``forms`` are ways of asking the same
    rows (``form="pointing"``; the default is all of them, each as an annotation of its own);
    ``configs`` are parts of the set (``config="charts"``; none means all, unless ``config_needed``).
    ``reads`` turns an authors' release that is no plain file of rows into rows (None: it is one).
    """

    name: str
    title: str
    home: str
    layouts: tuple[Layout, ...]
    licence: str
    made: Mapping[str, tuple[Made, ...]]
    places: Mapping[Split, HubPlace] = field(default_factory=dict)
    elsewhere: Mapping[Split, str] = field(default_factory=dict)
    picture: str = "photograph"
    forms: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    config_needed: bool = False
    evaluation_only: bool = False
    version: str = "1"
    reads: Callable[[Path, str], Rows | None] | None = None

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits this set has; the first is the one opened without a choice."""
        return tuple(split for split in get_args(Split) if split in self.places or split in self.elsewhere)

    def __call__(
        self,
        *,
        path: str | None = None,
        split: Split | None = None,
        form: str | None = None,
        config: str | None = None,
        images: str | None = None,
        **how: Any,
    ) -> PublishedSource:
        """Open it. Raises ConfigError for unknown options, DataError for data that are not as declared.

        ``path``: a local copy (default: the hub, ``repo`` and ``cache`` replace its name and the library's
        cache); ``images``: the folder of fetched pictures, for sets that name them by URL; ``grouped=False``:
        one example a row, not a picture; ``limit``: the first so many examples; ``fraction``: so much of them,
        drawn once and for all.
        """
        repo, cache = how.pop("repo", None), how.pop("cache", None)
        reading = self.reading(path=path, split=split, form=form, config=config)
        rows = self._rows(reading, path, repo, cache)
        layout = self.layout(rows.columns, rows.name)
        return PublishedSource(self, layout, rows, reading, self._finder(layout, images), **how)

    def stream(
        self,
        *,
        path: str | None = None,
        split: Split | None = None,
        form: str | None = None,
        config: str | None = None,
        images: str | None = None,
        repo: str | None = None,
        skip: int = 0,
    ) -> Iterator[Example]:
        """Its examples in order without an index; rows about one picture are joined where they follow each other.

        ``skip`` rows are left out at the start, to go on where one stopped.
        """
        reading = self.reading(path=path, split=split, form=form, config=config)
        rows: Iterator[dict[str, Any]]
        if path is not None:
            local = self._rows(reading, path, None, None)
            first, rows, name = local.columns, (local[i] for i in range(skip, len(local))), local.name
        else:
            place = self.place(reading, repo)
            name, rows = place.name, stream_hub(place, skip=skip)
            head = next(rows, None)
            if head is None:
                return iter(())
            first, rows = list(head), _behind(head, rows)
        layout = self.layout(first, name)
        return examples_in_order(self, layout, rows, reading, self._finder(layout, images), start=skip, name=name)

    def reading(self, *, path: str | None, split: str | None, form: str | None, config: str | None) -> Reading:
        """The options, checked against what this set has."""
        chosen = split or self.splits[0]
        for what, value, known in (
            ("split", chosen, self.splits),
            ("form", form, self.forms),
            ("config", config, self.configs),
        ):
            if value is not None and value not in known:
                raise ConfigError(
                    f"{self.name} has no {what} {value!r}",
                    fix=f"known: {', '.join(known)}" if known else f"leave {what} out: this set has none",
                )
        if self.config_needed and config is None:
            raise ConfigError(f"{self.name} has several parts", fix=f"choose config={'|'.join(self.configs)}")
        return Reading(split=chosen, form=form, config=config, folder=None if path is None else Path(path))

    def place(self, reading: Reading, repo: str | None = None) -> HubPlace:
        """Where the asked split stands on the hub. Raises DataError when it is not there."""
        place = self.places.get(reading.split)  # type: ignore[call-overload]
        if place is None:
            raise DataError(
                f"{self.name} has no {reading.split} split on the hub",
                fix=f"get it from {self.home} and give its folder: path=FOLDER",
            )
        config = reading.config or place.config
        return HubPlace(repo=repo or place.repo, split=place.split, config=config, revision=place.revision)

    def layout(self, columns: list[str], file: str) -> Layout:
        """The layout whose columns are all there. Raises DataError naming what the first one misses."""
        for layout in self.layouts:
            if not _missing(layout, columns):
                return layout
        raise missing_columns(_missing(self.layouts[0], columns), columns, file=file)

    def _rows(self, reading: Reading, path: str | None, repo: str | None, cache: str | None) -> Rows:
        if path is None and self.configs and reading.config is None:
            places = [replace(self.place(reading, repo), config=config) for config in self.configs]
            return JoinedRows([HubRows(place, cache) for place in places], places[0].repo)
        if path is None:
            return HubRows(self.place(reading, repo), cache)
        folder = Path(path)
        if self.reads is not None and (rows := self.reads(folder, reading.split)) is not None:
            return rows
        place = self.places.get(reading.split)  # type: ignore[call-overload]
        if place is not None and reading.config is not None:
            folder = _of_config(folder, reading.config, self.configs)
        named = place.split if place is not None else self.elsewhere[reading.split]  # type: ignore[index]
        alone = len(self.splits) == 1 and "{config}" not in named  # else any file would do for a part that is missing
        return open_rows(folder, named.format(config=reading.config), only_split=alone)

    def _finder(self, layout: Layout, images: str | None) -> ImageFinder | None:
        if layout.url is None and images is not None:
            raise ConfigError(
                f"{self.name} brings its pictures with it: it takes no images={images!r}", fix="leave images out"
            )
        return None if images is None else open_images(images)


def _of_config(folder: Path, config: str, configs: tuple[str, ...]) -> Path:
    """The folder of one configuration, or ``folder`` itself where it has no folders of others, whose rows those are.

    Raises DataError where others are there and this one is not.
    """
    if (folder / config).is_dir():
        return folder / config
    others = [other for other in configs if (folder / other).is_dir()]
    if others:
        raise DataError(
            f"{folder} has no folder {config}, only {', '.join(others)}",
            file=str(folder),
            rule="files of the split",
            fix="get this configuration too, or leave it out",
        )
    return folder


def _missing(layout: Layout, columns: list[str]) -> list[str]:
    needed = (name for name, kind in layout.columns.items() if not kind.name.endswith("or null"))
    return [name for name in needed if name not in columns]


def _behind(head: dict[str, Any], rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield head
    yield from rows
