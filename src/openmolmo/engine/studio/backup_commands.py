"""``openmolmo studio backup`` and ``restore``."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from openmolmo.core.console import counted
from openmolmo.engine.studio.backup import read_backup, write_backup
from openmolmo.engine.studio.commands import existing_settings, studio_options
from openmolmo.engine.studio.settings import read_settings, write_settings
from openmolmo.engine.studio.store.database import upgrade

__all__ = ["backup", "restore"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@studio_options
@click.argument("file", type=_FILE)
def backup(directory: Path, database: str | None, file: Path) -> None:
    """Write the whole studio into one tar FILE: tables, pictures, recordings. People may go on working."""
    settings = existing_settings(directory, database)
    with closing(upgrade(settings.database_url)) as opened:
        counts = write_backup(opened, directory, file)
    click.echo(f"written: {file} ({_said(counts)}); it holds people's names and voices, so keep it safe")


@click.command()
@studio_options
@click.argument("file", type=_FILE)
def restore(directory: Path, database: str | None, file: Path) -> None:
    """Bring a backup FILE into an empty folder and an empty database, of the same or of another kind."""
    directory.mkdir(parents=True, exist_ok=True)
    settings = read_settings(directory, {"database": database})
    with closing(upgrade(settings.database_url)) as opened:
        counts = read_backup(file, opened, directory)
    write_settings(read_settings(directory, {"database": database or ""}))
    click.echo(f"restored: {directory} ({_said(counts)}); open it: openmolmo studio serve --dir {directory}")


def _said(counts: dict[str, int]) -> str:
    return ", ".join(counted(counts[name], name) for name in ("person", "picture", "annotation", "recording"))
