"""``openmolmo data overlap``: is what a model is judged on among what it was trained on?"""

from __future__ import annotations

from pathlib import Path

import click

from openmolmo.core.console import echo_json
from openmolmo.core.files import require_writable
from openmolmo.core.progress import print_table, say
from openmolmo.records.overlap.page import write_overlap_page
from openmolmo.records.overlap.pictures import KINDS
from openmolmo.records.overlap.report import OverlapReport
from openmolmo.records.overlap.search import find_overlap

__all__ = ["overlap"]

_PATH = click.Path(path_type=Path, exists=True)


@click.command()
@click.argument("train", type=_PATH)
@click.argument("test", type=_PATH)
@click.option("--train-split", help="Only this split of TRAIN.")
@click.option("--test-split", help="Only this split of TEST.")
@click.option(
    "--near", default=6, show_default=True, type=click.IntRange(0, 15), help="Bits of 128 alike may differ in."
)
@click.option("--exact", is_flag=True, help="Files and addresses only: no picture is decoded, which is quick.")
@click.option("--words", default=8, show_default=True, type=click.IntRange(min=2), help="Words of a run.")
@click.option("--cases", default=50, show_default=True, type=click.IntRange(min=0), help="Cases of a kind to keep.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with the cases here.")
@click.option("--fail", is_flag=True, help="End with 1 where a picture is in both.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def overlap(
    train: Path,
    test: Path,
    train_split: str | None,
    test_split: str | None,
    exact: bool,
    out: Path | None,
    **options: object,
) -> None:
    """Say how much of TEST is in TRAIN: pictures (same file, same address, look alike) and runs of words.

    Each is a data set or a folder of pictures; both may be one data set with two splits. TRAIN is read as a stream.
    """
    if out is not None:
        require_writable(out)
    fail, as_json = bool(options.pop("fail")), bool(options.pop("as_json"))
    if exact:
        options["near"] = None
    report = find_overlap(train, test, train_split=train_split, test_split=test_split, **options)  # type: ignore[arg-type]
    if out is not None:
        write_overlap_page(report, train, test, out)
    if as_json:
        echo_json(report.to_dict())
    else:
        _tell(report)
        if out is not None:
            click.echo(str(out))
    if fail and report.found.total():
        raise SystemExit(1)


def _tell(report: OverlapReport) -> None:
    title = f"{report.test} ({report.test_examples:,} examples) in {report.train} ({report.train_examples:,})"
    rows = [
        [name, report.found[kind], f"{100 * report.found[kind] / (report.pictures or 1):.2f} %"]
        for kind, name in KINDS.items()
        if kind != "alike" or report.near is not None
    ]
    both = report.examples_with_both
    notes = [f"{report.examples_with_picture} examples have such a picture, {both} of them a known text too"]
    print_table(title, [f"of {report.pictures:,} pictures", "found", "share"], rows, notes)
    if report.texts:
        heads = ["texts", "of", "any run", "half", "all", "short ones", "known"]
        counts = [[role, c.texts, c.any, c.half, c.whole, c.short, c.short_known] for role, c in report.texts.items()]
        print_table(f"By runs of {report.words} words", heads, counts)
    for case in report.cases[:5]:
        what = KINDS.get(case.kind) or f"{100 * case.share:.0f} % of the runs of its {case.role}"
        say(f"{case.test} and {case.train}: {what}")
    for note in report.notes:
        say(f"note: {note}")
