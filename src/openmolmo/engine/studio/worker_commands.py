"""``openmolmo studio worker``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from openmolmo.core.errors import StoppedError
from openmolmo.core.progress import say
from openmolmo.engine.studio.commands import existing_settings, studio_options
from openmolmo.engine.studio.jobs import JOBS
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.engine.studio.worker import run_workers

__all__ = ["worker"]


@click.command()
@studio_options
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 256), help="Workers at once.")
@click.option("--kinds", default="", help="Only jobs of these kinds, by commas  [default: all]")
@click.option("--until-idle", is_flag=True, help="End when no job is due.")
def worker(directory: Path, database: str | None, processes: int, kinds: str, until_idle: bool) -> None:
    """Run jobs: speech, OCR, drafts. Start any number, on any machine that reaches the folder and the database.

    Ctrl-C or SIGTERM lets each worker finish its job; the same again ends them at once, and their jobs are taken up
    again later. So are the jobs of a worker that was killed.
    """
    settings = existing_settings(directory, database)
    chosen = [kind.strip() for kind in kinds.split(",") if kind.strip()] or JOBS.names()
    for kind in chosen:
        JOBS.get(kind)
    upgrade(settings.database_url).close()
    if not chosen:
        click.echo("no kind of job is known here, so there is nothing to do: jobs come with annotation modes")
        return
    say(f"{processes} worker{'s' * (processes != 1)} for {', '.join(chosen)}; Ctrl-C ends them after their job")
    told = run_workers(settings, chosen, processes=processes, until_idle=until_idle)
    if told and not until_idle:
        sys.exit(0)
    if told:
        raise StoppedError("stopped before all jobs were done; the others wait", signal=told, fix="run it again")
