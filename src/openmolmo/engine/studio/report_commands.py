"""``openmolmo studio report``."""

from __future__ import annotations

from pathlib import Path

import click

from openmolmo.core.console import echo_json
from openmolmo.core.files import write_text
from openmolmo.core.progress import print_table, say
from openmolmo.engine.studio.commands import existing_settings, studio_options
from openmolmo.engine.studio.report import ModeReport, StudioReport, make_report, report_page
from openmolmo.engine.studio.store.database import upgrade

__all__ = ["report"]


@click.command()
@studio_options
@click.option("--project", help="Only this project  [default: all]")
@click.option("--mode", "modes", multiple=True, help="Only this mode; repeatable  [default: all]")
@click.option("--wage", type=click.FloatRange(min=0), help="Of an hour: says what the work cost, and will cost.")
@click.option("--currency", default="EUR", show_default=True, help="Of the wage.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with plots there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def report(
    directory: Path,
    database: str | None,
    project: str | None,
    modes: tuple[str, ...],
    wage: float | None,
    currency: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Say how the work goes: what is left, time a task, throughput, agreement, gold tasks, cost."""
    opened = upgrade(existing_settings(directory, database).database_url)
    with opened.read() as session:
        made = make_report(session, project=project, modes=modes, wage=wage)
    opened.close()
    if as_json:
        echo_json(made.to_dict())
    else:
        _tell(made, currency)
    if out is not None:
        write_text(out, report_page(made, currency=currency))
        say(f"written: {out}")


def _tell(made: StudioReport, currency: str) -> None:
    for one in made.modes:
        print_table(f"{one.project}: {one.mode}", ["", ""], _summary(one, currency))
        rows = [[made.names[person], *_person(one, person)] for person in one.people]
        if rows:
            columns = ["person", "finished", "hours", "median s", "skipped", "agreement", "pairs", "gold right"]
            print_table(f"{one.project}: {one.mode}: people", columns, rows)
    if made.jobs:
        print_table("jobs", ["kind", "state", "jobs"], made.jobs)
    if not made.modes:
        click.echo("There is no task yet.")


def _summary(one: ModeReport, currency: str) -> list[list[object]]:
    far, how, agreed = one.progress, one.pace, one.agreement
    rows: list[list[object]] = [
        ["work finished", f"{far.finished} of {far.needed}"],
        ["tasks complete", f"{far.complete} of {far.tasks}"],
        *([f"  {state}", count] for state, count in far.states.items()),
        *([f"  leases {outcome}", count] for outcome, count in far.outcomes.items() if outcome != "submitted"),
    ]
    if how.median is not None:
        rows += [["median seconds a task", f"{how.median:.1f}"], ["hours of work", f"{how.hours:.2f}"]]
    if agreed.mean is not None:
        rows.append(["agreement", f"{agreed.mean:.3f} over {agreed.pairs} pairs"])
    if one.gold:
        right, of = (sum(getattr(score, part) for score in one.gold.values()) for part in ("right", "of"))
        rows.append(["right on gold tasks", f"{right} of {of}"])
    if one.cost is not None:
        rows.append([f"cost so far, {currency}", f"{one.cost.so_far:.2f} ({one.cost.each:.3f} each)"])
        rows.append([f"cost of what is left, {currency}", f"about {one.cost.left:.2f}"])
    return rows


def _person(one: ModeReport, person: int) -> list[object]:
    numbers, agrees, gold = one.people[person], one.agreement.by_person.get(person), one.gold.get(person)
    return [
        numbers.finished,
        f"{numbers.hours:.2f}",
        f"{numbers.median:.1f}",
        numbers.skipped,
        f"{agrees[0]:.3f}" if agrees else "-",
        agrees[1] if agrees else "-",
        f"{gold.right} of {gold.of}" if gold else "-",
    ]
