"""``openmolmo data``: check, show and audit a data set folder or a JSONL file."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from openmolmo.records.audit import AuditReport, audit_dataset
from openmolmo.records.check import CheckReport, check_dataset
from openmolmo.records.rules import RULES
from openmolmo.records.show import write_page

__all__ = ["data"]

PATH = click.argument("path", type=click.Path(path_type=Path))
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@click.group()
def data() -> None:
    """Check, show and audit data sets.

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
        click.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
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
        click.echo(f"{count} examples in {page.resolve()}")


@data.command()
@PATH
@AS_JSON
def audit(path: Path, as_json: bool) -> None:
    """Print how every annotation was made.

    Ends with 1 if any comes from a vision-language model or from something unknown.
    """
    report = audit_dataset(path)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        _tell_audit(report)
    if not report.ok:
        raise SystemExit(1)


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
        for rule in sorted({fault.rule for fault in report.faults} & set(RULES)):
            console.print(f"{rule}: {RULES[rule]}", markup=False)
    if report.fault_count > len(report.faults):
        more = report.fault_count - len(report.faults)
        console.print(f"and {more} more faults; --limit {report.fault_count} lists all")
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.annotations.items()))
    verdict = "no fault" if report.ok else f"{report.fault_count} fault{'s' * (report.fault_count != 1)}"
    console.print(f"{report.path}: {report.examples} examples ({kinds or 'no annotations'}), {verdict}", markup=False)


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
    if report.ok:
        console.print("no annotation comes from a vision-language model or from something unknown")
    else:
        console.print(
            f"{report.refused} annotations come from a vision-language model or from something unknown: "
            "leave them out, or say how they were made"
        )


def _plain(text: str) -> str:
    """Text of a data set, without what a terminal or rich would take for markup."""
    printable = "".join(character if character.isprintable() else "�" for character in text)
    return printable.replace("[", r"\[")
