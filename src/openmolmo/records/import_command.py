"""``openmolmo data import``: an export of another program becomes a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from openmolmo.core.console import counted
from openmolmo.records.example import Made
from openmolmo.records.imports import FORMATS, import_file, write_imported
from openmolmo.records.imports.reading import NothingImported, told
from openmolmo.records.imports.writing import write_cases
from openmolmo.records.jsonl import own_sidecar

__all__ = ["import_"]


def made_by_name(ctx: click.Context, option: click.Parameter, value: str | None) -> Made | None:
    """A way of making: as the records spell it (``person-clicked``), or by its short name (``CLICKED``)."""
    if value is None:
        return None
    said = value.strip().replace("_", "-").casefold()
    for made in Made:
        if said in (made.value, made.name.replace("_", "-").casefold()):
            return made
    raise click.BadParameter(f"{value!r} is no way of making; known: {', '.join(Made)}", ctx, option)


@click.command(name="import")
@click.argument("form", metavar="FORMAT", type=click.Choice(FORMATS))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--images", required=True, type=click.Path(path_type=Path), help="Folder of the pictures.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A .jsonl file, or a folder for shards.")
@click.option("--name", "dataset", help="What the data set is called  [default: the file's name]")
@click.option("--licence", default="unknown", show_default=True, help="Of the pictures and the marks.")
@click.option("--made", callback=made_by_name, help="How marks were made, if the file does not say: person-clicked ...")
@click.option("--absent", default=0, show_default=True, type=click.IntRange(min=0), help="Labels not there, a picture.")
@click.option("--config", type=click.Path(path_type=Path), help="Label Studio's labelling interface: several pictures.")
@click.option("--why", type=click.Path(path_type=Path, dir_okay=False), help="JSONL file of all that was left out.")
def import_(form: str, file: Path, out: Path, why: Path | None, **options: Any) -> None:
    """Turn an export of another program into a data set.

    FORMAT is label-studio (its JSON export), coco (boxes become points), cvat ("CVAT for images 1.1") or
    csv (image,label,x,y). One picture becomes one example. What cannot be used is left out and named.
    """
    if out.exists() and (out.is_file() or any(out.iterdir())):
        raise click.UsageError(f"{out} exists: name a new file or folder")
    if out.suffix == ".jsonl" and own_sidecar(out).exists():
        raise click.UsageError(f"{own_sidecar(out)} exists and would speak of {out.name}: name a new file")
    try:
        found = import_file(form, file, **options)
    except NothingImported as error:
        if why is not None:
            write_cases(why, left_out=error.cases)
        raise
    write_imported(found, out)
    if why is not None:
        write_cases(why, left_out=found.cases, note=found.notes)
    for line in told(found.cases):
        click.echo(f"left out: {line}", err=True)
    for line in told(found.notes):
        click.echo(f"note: {line}", err=True)
    if why is None and found.cases:
        click.echo("  -> --why FILE writes every one of them", err=True)
    click.echo(f"{counted(len(found.examples), 'example')} in {out}")
