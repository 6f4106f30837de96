"""``openmolmo eval metrics FILE.jsonl``: score a file of rows by their metrics, and say which are not as expected."""

from __future__ import annotations

import json
from pathlib import Path

import click

from openmolmo.core.progress import console, print_table
from openmolmo.evaluation.metric_file import MetricReport, score_file
from openmolmo.evaluation.metrics.profile import PROFILES, Profile

__all__ = ["metrics"]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="released",
    show_default=True,
    help="As the published Molmo code scores, or by each benchmark's own protocol.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def metrics(files: tuple[Path, ...], profile: Profile, as_json: bool) -> None:
    """Score the rows of FILES, JSON lines with `metric`, `prediction`, `references` and `metadata`.

    Rows with `expected` are compared in the profile `released`: how many are equal, and each that differs. Rows of the
    defects of the published code that are not reproduced are compared with the value that is right, and counted apart.
    Ends with 1 where any other row differs or cannot be scored.
    """
    reports = [report for file in files for report in score_file(file, profile)]
    if as_json:
        click.echo(json.dumps([report.to_dict() for report in reports], indent=2, ensure_ascii=False))
    else:
        _tell(reports, profile)
    if not all(report.ok for report in reports):
        raise SystemExit(1)


def _tell(reports: list[MetricReport], profile: Profile) -> None:
    rows = [
        [
            report.metric,
            report.rows,
            report.equal if profile == "released" else "-",
            report.defects if profile == "released" else "-",
            len(report.differing) + len(report.unscored),
            "-" if report.mean is None else f"{report.mean:.4f}",
        ]
        for report in reports
    ]
    heads = ["metric", "rows", "equal", "equal to the right value (listed defects)", "differ", "mean"]
    print_table(f"Profile {profile}", heads, rows)
    for report in reports:
        for one in report.differing:
            console.print(
                f"{report.metric} {one.id}: {one.prediction[:60]!r} gives {one.value!r}, expected {one.expected!r}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        for text in report.unscored:
            console.print(f"{report.metric} {text}", markup=False, highlight=False, soft_wrap=True)
