"""``openmolmo download join``: annotations and their pictures as shards."""

from __future__ import annotations

import json
from pathlib import Path

import click

from openmolmo.core.progress import print_table
from openmolmo.data.join import Examples, read_held_out
from openmolmo.data.join import join as join_examples
from openmolmo.data.sources.base import SOURCES
from openmolmo.engine.download.store import ImageStore
from openmolmo.records.folder import open_dataset

__all__ = ["join"]


@click.command()
@click.argument("source")
@click.option("--images", type=click.Path(path_type=Path), help="Folder given to download as --out.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the shards.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="For a data set by name; repeatable.")
@click.option("--validation", type=click.FloatRange(0, 1, max_open=True), help="Share of pictures for validation.")
@click.option("--hold-out", multiple=True, type=click.Path(path_type=Path), help="Data set, or .txt of hashes or URLs.")
def join(
    source: str,
    images: Path | None,
    out: Path,
    options: tuple[str, ...],
    validation: float | None,
    hold_out: tuple[Path, ...],
) -> None:
    """Write annotations and their pictures as shards, one example a picture.

    SOURCE is a data set folder, a JSONL file, or the name of a data set such as pixmo_points with its
    options. Repeats are left out; no picture stands on both sides of a split.
    """
    if out.exists() and (out.is_file() or any(out.iterdir())):
        raise click.UsageError(f"{out} is not empty: name a new folder")
    store = None if images is None else ImageStore(images)
    opened = _open_source(source, dict(_key_value(text) for text in options), images)
    report = join_examples(opened, out, store=store, validation=validation, held_out=read_held_out(hold_out, store))
    print_table(f"{source} in {out}", ["", "count"], [[key, str(value)] for key, value in report.to_dict().items()])


def _open_source(source: str, options: dict[str, object], images: Path | None) -> Examples:
    if Path(source).exists():
        return open_dataset(source)
    if images is not None and source.startswith("pixmo"):
        options.setdefault("images", str(images))
    return SOURCES.get(source)(**options)


def _key_value(text: str) -> tuple[str, object]:
    """``limit=5`` and ``form=basic_pointing``: values are JSON if they can be."""
    key, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not of the form key=value", param_hint="--option")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
