"""``openmolmo studio transcribe``: write recordings down anew, e.g. after a better engine was installed."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from pathlib import Path

import click

from openmolmo.core.console import counted
from openmolmo.core.errors import ConfigError
from openmolmo.engine.studio.commands import existing_settings, studio_options
from openmolmo.engine.studio.recording.transcribe_job import ask_again, driver_called
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.engine.studio.worker import run_workers

__all__ = ["transcribe"]


@click.command()
@studio_options
@click.option("--again", is_flag=True, required=True, help="Ask for every recording; corrections by people stay.")
@click.option("--speech", help="The engine, NAME or NAME:option=value,...  [default: as in studio.yaml]")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Do it here; or leave it to the workers.")
def transcribe(directory: Path, database: str | None, again: bool, speech: str | None, wait: bool) -> None:
    """Write all recordings down anew from their original sound.

    Every transcript stays, with its engine, model and version; the newest counts, unless the speaker corrected it.
    """
    settings = existing_settings(directory, database, speech=speech)
    if speech and not wait:
        raise ConfigError("--speech is told to this command alone, and --no-wait leaves the work to others")
    driver_called(settings.speech)  # a wrong line is told before anything is asked for
    with closing(upgrade(settings.database_url)) as opened, opened.begin() as rows:
        count = ask_again(rows, uuid.uuid4().hex[:8], time.time())
    click.echo(f"{counted(count, 'recording')} will be written down by {settings.speech}")
    if wait and count:
        run_workers(settings, ["transcribe", "merge"], until_idle=True)
