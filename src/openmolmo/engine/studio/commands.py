"""``openmolmo studio``: the group of commands, open to others (entry points ``openmolmo.studio_commands``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from openmolmo.core.command_group import OpenGroup
from openmolmo.core.errors import ConfigError
from openmolmo.core.optional import require
from openmolmo.engine.studio.settings import StudioSettings, read_settings

__all__ = ["existing_settings", "studio", "studio_options"]

F = TypeVar("F", bound=Callable[..., Any])

_SUMMARIES = {
    "backup": "Write the whole studio into one file.",
    "compare": "Measure a caption of one person beside the merge of several.",
    "export": "Write finished work as a data set.",
    "import": "Bring pictures and tasks in.",
    "init": "Make a studio in a folder.",
    "report": "Say how the work goes: throughput, time, agreement, gold tasks, cost.",
    "restore": "Put a backup where there is no studio yet.",
    "serve": "Open the studio at an address.",
    "transcribe": "Write all recordings down anew.",
    "users": "People, their roles and links.",
    "worker": "Run jobs: speech, OCR, drafts.",
}


class _Studio(OpenGroup):
    """Says which extra is needed before a command is loaded, for its module imports what the extra brings."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for package in ("sqlalchemy", "alembic"):
            require(package, extra="studio")
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Studio, opened="openmolmo.studio_commands", summaries=_SUMMARIES)
def studio() -> None:
    """People make data: they speak captions, ask and correct, click points, check and vote."""


def studio_options(command: F) -> F:
    """The options by which every command finds its studio: ``directory`` and ``database`` (None where not given)."""
    directory = click.option(
        "--dir",
        "directory",
        default=Path("studio"),
        show_default=True,
        type=click.Path(path_type=Path, file_okay=False),
        help="The studio's folder.",
    )
    database = click.option(
        "--database",
        envvar="OPENMOLMO_STUDIO_DATABASE",
        help="postgresql://user@host/name, or sqlite:///path; or OPENMOLMO_STUDIO_DATABASE  [default: in the folder]",
    )
    return directory(database(command))


def existing_settings(directory: Path, database: str | None, **given: Any) -> StudioSettings:
    """Settings of a studio that is there already."""
    if not directory.is_dir():
        raise ConfigError(f"there is no studio in {directory}", fix=f"openmolmo studio init --dir {directory}")
    return read_settings(directory, {"database": database, **given})
