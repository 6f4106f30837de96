"""``openmolmo data``: check, show, audit, count, filter and import data sets."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from openmolmo.core.command_group import OpenGroup
from openmolmo.core.console import counted, echo_json
from openmolmo.core.files import write_text
from openmolmo.core.progress import say
from openmolmo.records.audit import AuditReport, audit_dataset
from openmolmo.records.check import CheckReport, check_dataset
from openmolmo.records.import_command import import_
from openmolmo.records.overlap.command import overlap
from openmolmo.records.quality import QUALITY_RULES, QualitySettings, filter_dataset
from openmolmo.records.quality_report import QualityReport
from openmolmo.records.readable import Unread
from openmolmo.records.rules import RULES
from openmolmo.records.show import write_page
from openmolmo.records.stats import DatasetStats, dataset_stats

__all__ = ["data"]

PATH = click.argument("path", type=click.Path(path_type=Path))
_MOST_FAULTS = 20  # receipts that are listed one by one
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


_SUMMARIES = {
    "mix": "Print the shares of a mixture's sets beside the paper's.",
    "pack-report": "Show how full rows become: plain, packed, and with long examples split.",
}
"""One line a command of a higher room, kept here so that ``--help`` imports none."""


@click.group(cls=OpenGroup, opened="openmolmo.data_commands", summaries=_SUMMARIES)
def data() -> None:
    """Check, show, audit, count, filter and import data sets.

    PATH is a folder with manifest.json (made by `openmolmo synth`), a JSONL file, or a folder
    with one JSONL file and its pictures.
    """


@data.command()
@PATH
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="Faults to list.")
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Open every picture.")
@AS_JSON
def check(path: Path, limit: int, pictures: bool, as_json: bool) -> None:
    """Find every fault: its file, row, field and rule. Ends with 1 if there is any.

    Rows of JSONL files are line numbers from 1, rows of Parquet shards count from 0.
    """
    report = check_dataset(path, limit=limit, pictures=pictures)
    if as_json:
        echo_json(report.to_dict())
    else:
        _tell_check(report)
    if not report.ok:
        raise SystemExit(1)


@data.command()
@PATH
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="Examples on the page.")
@click.option("--start", default=0, show_default=True, type=click.IntRange(min=0), help="First example's index.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="HTML file  [default: NAME.html here]")
@AS_JSON
def show(path: Path, limit: int, start: int, out: Path | None, as_json: bool) -> None:
    """Write an HTML page with the pictures, points, masks and texts."""
    page = out or Path(f"{path.resolve().stem}.html")
    count = write_page(path, page, limit=limit, start=start)
    if as_json:
        click.echo(json.dumps({"page": str(page.resolve()), "examples": count}))
    else:
        click.echo(f"{counted(count, 'example')} in {page.resolve()}")


@data.command()
@PATH
@click.option(
    "--recordings", type=click.Path(path_type=Path, file_okay=False), help="Folder  [default: PATH/recordings]"
)
@AS_JSON
def audit(path: Path, recordings: Path | None, as_json: bool) -> None:
    """Print how every annotation was made, and check the recordings of what was spoken.

    Ends with 1 if any comes from a vision-language model or from something unknown, or if a recording that the data
    name is missing, changed, of another length or about another picture.
    """
    report = audit_dataset(path, recordings=recordings)
    if as_json:
        echo_json(report.to_dict())
    else:
        _tell_audit(report)
        _tell_unread(report.unread)
    if not report.ok:
        raise SystemExit(1)


@data.command()
@PATH
@click.option("--most", default=10, show_default=True, type=click.IntRange(min=0), help="Labels to list.")
@AS_JSON
def stats(path: Path, most: int, as_json: bool) -> None:
    """Count what there is: kinds, labels, points, words and sizes."""
    found = dataset_stats(path)
    if as_json:
        echo_json(found.to_dict())
    else:
        _tell_stats(found, most)
        _tell_unread(found.unread)


@data.command(name="filter")
@PATH
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of what is good; none: only say.")
@click.option("--rules", help=f"Only these, by commas  [default: all]: {', '.join(QUALITY_RULES)}")
@click.option("--max-points", default=40, show_default=True, type=click.IntRange(min=1), help="Of one annotation.")
@click.option("--near", type=click.IntRange(0, 15), help="Pictures alike but for so many of 128 bits go; 6 is usual.")
@click.option("--not-present", type=click.FloatRange(0, 0.99), help="Largest share of labels that are not there.")
@click.option("--why", type=click.Path(path_type=Path, dir_okay=False), help="JSONL file of all that was left out.")
@AS_JSON
def filter_(
    path: Path,
    out: Path | None,
    rules: str | None,
    max_points: int,
    near: int | None,
    not_present: float | None,
    why: Path | None,
    as_json: bool,
) -> None:
    """Leave out what spoils a data set, by named rules, and say how much each took."""
    chosen = tuple(QUALITY_RULES) if rules is None else tuple(name.strip() for name in rules.split(","))
    settings = QualitySettings(rules=chosen, max_points=max_points, near=near, not_present=not_present)
    if out is not None and out.exists() and any(out.iterdir()):
        raise click.UsageError(f"{out} is not empty: name a new folder")
    report = filter_dataset(path, out, settings)
    if why is not None:
        write_text(why, "".join(f"{json.dumps(vars(case))}\n" for case in report.cases))
    if as_json:
        echo_json(report.to_dict())
    else:
        _tell_quality(report, out)


data.add_command(import_)
data.add_command(overlap)


def _console() -> Console:
    """Standard output; wide where no terminal sets a width, so that logs keep whole words."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def _tell_check(report: CheckReport) -> None:
    console = _console()
    if report.faults:
        table = Table(title=f"Faults in {report.path}", title_justify="left")
        for column in ("file", "row", "field", "rule", "what"):
            table.add_column(column, overflow="fold", justify="right" if column == "row" else "left")
        for fault in report.faults:
            row = "" if fault.row is None else str(fault.row)
            table.add_row(*map(_plain, (fault.file, row, fault.field or "", fault.rule, fault.message)))
        console.print(table)
        if any(fault.row is not None for fault in report.faults):
            console.print("rows of JSONL files are lines, counted from 1; rows of Parquet shards are counted from 0")
        for rule in sorted({fault.rule for fault in report.faults} & set(RULES)):
            console.print(f"{rule}: {RULES[rule]}", markup=False)
    if report.fault_count > len(report.faults):
        more = report.fault_count - len(report.faults)
        console.print(f"and {more} more faults; --limit {report.fault_count} lists all")
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.annotations.items()))
    verdict = "no fault" if report.ok else counted(report.fault_count, "fault")
    console.print(
        f"{report.path}: {counted(report.examples, 'example')} ({kinds or 'no annotations'}), {verdict}", markup=False
    )


def _tell_audit(report: AuditReport) -> None:
    console = _console()
    table = Table(title=f"Provenance of {report.path}", title_justify="left")
    for column in ("data set", "licence", "annotation", "how made", "tool", "count", ""):
        table.add_column(column, overflow="fold", justify="right" if column == "count" else "left")
    for row in report.rows:
        how = " → ".join(row.made)
        verdict = "ok" if row.ok else "REFUSED"
        cells = (row.dataset, row.licence, row.kind, how, row.tool, str(row.count), verdict)
        table.add_row(*map(_plain, cells), style=None if row.ok else "red")
    console.print(table)
    if not report.refused:
        console.print("no annotation comes from a vision-language model or from something unknown")
    else:
        console.print(
            f"{report.refused} annotations come from a vision-language model or from something unknown: "
            "leave them out, or say how they were made"
        )
    if report.recordings or report.receipts:
        bad = f", {counted(len(report.receipts), 'receipt')} that do not hold:" if report.receipts else ""
        console.print(f"{counted(report.recordings, 'recording')} as the receipts say{bad}", markup=False)
    for fault in report.receipts[:_MOST_FAULTS]:
        console.print(f"  {fault}", markup=False, style="red")
    if len(report.receipts) > _MOST_FAULTS:
        console.print(f"  and {len(report.receipts) - _MOST_FAULTS} more; --json lists all")


def _tell_unread(cases: tuple[str, ...]) -> None:
    """On standard error, so that what was counted stays apart."""
    if cases:
        say(f"note: {Unread(list(cases)).told()}")


def _tell_stats(found: DatasetStats, most: int) -> None:
    console = _console()
    for title, counts in (("split", found.splits), ("data set", found.datasets), ("kind", found.kinds)):
        console.print(f"{title}: {', '.join(f'{count} {name}' for name, count in counts.items())}", markup=False)
    table = Table(title=f"{found.path}: {counted(found.examples, 'example')}", title_justify="left")
    columns = ("count", "mean", "least", "quarter", "median", "three_quarters", "p95", "most")
    for column in ("", *columns):
        table.add_column(column.replace("_", " "), justify="right" if column else "left")
    for name, spread in found.spreads.items():
        table.add_row(name, *(f"{getattr(spread, column):g}" for column in columns))
    console.print(table)
    if found.labels and most:
        labels = Table(title=f"{len(found.labels)} labels, those asked for most", title_justify="left")
        for column in ("label", "asked", "points", "not there"):
            labels.add_column(column, justify="left" if column == "label" else "right")
        for label, row in list(found.labels.items())[:most]:
            labels.add_row(_plain(label), *map(str, row))
        console.print(labels)
        console.print(f"{found.not_present_share:.1%} of the questions about labels are about what is not there")


def _tell_quality(report: QualityReport, out: Path | None) -> None:
    console = _console()
    table = Table(title=f"What breaks a rule in {report.path}", title_justify="left")
    for column in ("rule", "points and masks", "annotations", "examples", "for instance"):
        table.add_column(column, overflow="fold", justify="left" if column in ("rule", "for instance") else "right")
    some = report.some
    for rule in sorted({*report.removed, *report.removed_examples, *report.removed_parts}):
        counts = (str(counted[rule]) for counted in (report.removed_parts, report.removed, report.removed_examples))
        table.add_row(*map(_plain, (rule, *counts, (some.get(rule) or [""])[0])))
    console.print(table)
    verb = "would be kept" if out is None else f"kept in {out}"
    console.print(
        f"{report.kept_examples} of {report.examples} examples and {report.kept_annotations} of {report.annotations} "
        f"annotations {verb}",
        markup=False,
    )


def _plain(text: str) -> str:
    """Text of a data set, without what a terminal or rich would take for markup."""
    printable = "".join(character if character.isprintable() else "�" for character in text)
    return printable.replace("[", r"\[")
