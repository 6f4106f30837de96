"""``openmolmo studio export``: finished work becomes a data set."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from openmolmo.core.console import counted, echo_json
from openmolmo.core.errors import RunError
from openmolmo.core.files import require_writable
from openmolmo.engine.studio.commands import existing_settings, studio_options
from openmolmo.engine.studio.exporting.examples import Splits
from openmolmo.engine.studio.exporting.export import FORMATS, ExportReport, ExportSettings, export_project
from openmolmo.engine.studio.importing.beginning import project_called
from openmolmo.engine.studio.store.database import upgrade

__all__ = ["export"]

_TOLD = 3


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@studio_options
@click.option("--project", help="Which project  [default: the only one]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="records", show_default=True)
@click.option("--mode", "modes", multiple=True, help="Only this mode; repeatable  [default: all]")
@click.option("--include-unreviewed", "unreviewed", is_flag=True, help="Also work that still waits for its review.")
@click.option("--validation", default=0.0, show_default=True, help="Share of the pictures for validation.")
@click.option("--test", default=0.0, show_default=True, help="Share of the pictures for the test.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Other seed, other splits.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(
    out: Path,
    directory: Path,
    database: str | None,
    project: str | None,
    form: str,
    modes: tuple[str, ...],
    unreviewed: bool,
    as_json: bool,
    **shares: float,
) -> None:
    """Write finished work into the folder OUT; an export that is there is replaced.

    records: our data set, with the recordings of what was spoken beside it; `openmolmo train` and `openmolmo data
    audit` take it. pixmo: the columns of the published sets. label-studio, coco: for other programs. votes: for
    `openmolmo arena`. A picture is in one split only.
    """
    settings = ExportSettings(
        format=form,  # type: ignore[arg-type]
        modes=modes,
        unreviewed=unreviewed,
        splits=Splits(validation=shares["validation"], test=shares["test"], seed=int(shares["seed"])),
    )
    require_writable(out)
    with closing(upgrade(existing_settings(directory, database).database_url)) as opened:
        report = export_project(opened, directory, project_called(opened, project), out, settings)
    if as_json:
        echo_json(vars(report))
    else:
        click.echo(f"{_said(report)} in {out}")
    if report.left_out:
        told = "; ".join(report.left_out[:_TOLD])
        more = f"; and {len(report.left_out) - _TOLD} more" if len(report.left_out) > _TOLD else ""
        raise RunError(
            f"{counted(len(report.left_out), 'example')} left out, the rest is in {out}: {told}{more}",
            fix="restore these files from the studio's backup, then export again",
        )


def _said(report: ExportReport) -> str:
    if report.votes:
        return counted(report.votes, "vote")
    parts = [counted(report.examples, "example"), counted(report.annotations, "annotation")]
    if report.recordings:
        parts.append(counted(report.recordings, "recording"))
    return ", ".join(parts)
