"""``openmolmo studio init`` and ``import``: a studio in a folder, and pictures that come into it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from openmolmo.core.console import counted, echo_json
from openmolmo.core.errors import ConfigError
from openmolmo.core.progress import print_table, say
from openmolmo.engine.studio.commands import existing_settings, studio_options
from openmolmo.engine.studio.importing.beginning import init_sample, make_project, project_called
from openmolmo.engine.studio.importing.gold_file import add_gold
from openmolmo.engine.studio.importing.order import ORDERS
from openmolmo.engine.studio.importing.report import ImportReport, ImportSettings
from openmolmo.engine.studio.importing.sources.addresses import Fetching
from openmolmo.engine.studio.importing.sources.finding import Columns, pictures_of
from openmolmo.engine.studio.importing.taking_in import take_in
from openmolmo.engine.studio.importing.voting import add_votes
from openmolmo.engine.studio.settings import read_settings, write_settings
from openmolmo.engine.studio.store.database import Database, upgrade
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["import_", "init"]

_SHOWN = 5  # pictures that are named when they are left out


@click.command()
@studio_options
@click.option("--project", help="Make a project of this name.")
@click.option("--licence", default="unknown", show_default=True, help="Licence of what people make in the project.")
@click.option("--sample", is_flag=True, help="Make the project 'sample' with three pictures, to try the studio with.")
def init(directory: Path, database: str | None, project: str | None, licence: str, sample: bool) -> None:
    """Make a studio in the folder --dir: its settings, its database, and projects.

    Done again it keeps all that is there, and brings the database up to date.
    """
    directory.mkdir(parents=True, exist_ok=True)
    settings = read_settings(directory, {"database": database})
    write_settings(settings)
    with closing(upgrade(settings.database_url)) as opened:
        if project is not None:
            make_project(opened, project, licence=licence)
            click.echo(f"project {project} is in {directory}")
        if sample:
            report = init_sample(directory, opened)
            click.echo(f"project sample: {counted(report.kept + report.known, 'picture')}, {_tasks(report)}")
    say(f"next:  openmolmo studio import PICTURES --dir {directory},  openmolmo studio serve --dir {directory}")


@click.command(name="import")
@click.argument("source", required=False)
@studio_options
@click.option("--project", help="Which project; made if it is new  [default: the only one]")
@click.option("--modes", default="", help=f"What people shall do with the pictures, by commas: {', '.join(MODES)}")
@click.option("--order", type=click.Choice(ORDERS), default="in-order", show_default=True, help="What comes first.")
@click.option("--annotations", type=click.IntRange(min=1), help="People a task  [default: the project's or mode's]")
@click.option("--topic-column", "topic", help="Column (of a data set: fact) of topics; folders have their names.")
@click.option("--alt-column", "alt", help="Column of the words that came with a picture.")
@click.option("--licence", default="unknown", show_default=True, help="Of the pictures, where the source says none.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="train", show_default=True)
@click.option("--near", default=6, show_default=True, type=click.IntRange(-1, 15), help="Bits; -1: equal files only.")
@click.option(
    "--descriptor", default="plain", show_default=True, help="What 'diverse' compares: plain or NAME:ARGUMENT."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Other seed, other order.")
@click.option("--gold", type=click.Path(path_type=Path, dir_okay=False), help="JSONL file of tasks with known answers.")
@click.option("--answers", multiple=True, type=click.Path(path_type=Path, dir_okay=False), help="Answer file; repeat.")
@click.option("--pairs", type=click.IntRange(min=1), help="Pairs of answers to vote on, at most  [default: all]")
@click.option("--max-mb", default=32.0, show_default=True, type=click.FloatRange(min=0.001), help="Of one picture.")
@click.option("--private-addresses", is_flag=True, help="Fetch from private networks too: for a store of your own.")
@click.option("--why", type=click.Path(path_type=Path, dir_okay=False), help="JSONL file of all that was left out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def import_(
    source: str | None,
    directory: Path,
    database: str | None,
    project: str | None,
    why: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Bring pictures into a project, and make a task of each in every mode.

    SOURCE is a folder (its folders are topics), a table of addresses (.txt, .csv, .jsonl, .parquet), a Parquet file
    with pictures, a data set (its counts and answers become checks) or an address that fsspec knows (s3://...). The
    same picture never comes in twice, and one that looks like another is not given out. The same import again adds
    only what is missing.
    """
    answers, gold = options.pop("answers"), options.pop("gold")
    if source is None and not answers and gold is None:
        raise click.UsageError("name a SOURCE of pictures, --answers or --gold")
    modes = tuple(name.strip() for name in options.pop("modes").split(",") if name.strip())
    columns = Columns(
        topic=options.pop("topic"),
        alt=options.pop("alt"),
        fetching=Fetching(max_bytes=int(options.pop("max_mb") * 2**20), private=options.pop("private_addresses")),
    )
    pairs, near = options.pop("pairs"), options.pop("near")
    given = ImportSettings(modes=modes, near=None if near < 0 else near, **options)
    settings = existing_settings(directory, database)
    with closing(upgrade(settings.database_url)) as opened:
        number = _project(opened, project)
        reports = []
        if source is not None:
            found = pictures_of(source, directory, columns)
            reports.append(take_in(opened, directory, number, found, given))
        if answers:
            reports.append(add_votes(opened, directory, number, answers, given, most=pairs, fetching=columns.fetching))
        if gold is not None:
            reports.append(ImportReport(gold=add_gold(opened, number, gold)))
    report = sum(reports[1:], reports[0])
    if why is not None:
        report.write_why(why)
    if as_json:
        echo_json(report.to_dict())
    else:
        _tell(report, why)


def _project(opened: Database, name: str | None) -> int:
    """The project, made if it is new: then that is said, for a name may be misspelt."""
    try:
        return project_called(opened, name)
    except ConfigError:
        if name is None:
            raise
    say(f"project {name} is new")
    return make_project(opened, name)


def _tell(report: ImportReport, why: Path | None) -> None:
    told = report.to_dict()
    rows: list[list[object]] = [
        ["pictures taken in", report.kept],
        ["in the project before", report.known],
        ["the same file again", report.twice],
        ["look like another picture", len(report.alike)],
        *([f"left out: {reason}", count] for reason, count in told["refused"].items()),
        *([f"nothing to check ({mode})", count] for mode, count in report.nothing_to_check.items()),
        *([f"tasks: {mode}", count] for mode, count in report.tasks.items()),
        *([f"gold tasks: {mode}", count] for mode, count in report.gold.items()),
    ]
    print_table("import", ["", "count"], rows)
    left = [*report.refused, *report.alike]
    for one in left[:_SHOWN]:
        say(f"  {one.name}: {one.reason}{f': {one.what}' if one.what else ''}")
    if len(left) > _SHOWN:
        say(f"  and {len(left) - _SHOWN} more" + ("" if why else "; --why FILE writes every one of them"))


def _tasks(report: ImportReport) -> str:
    made = report.tasks.total()
    return f"{counted(made, 'new task')} ({', '.join(report.tasks) or 'no mode is installed'})"
