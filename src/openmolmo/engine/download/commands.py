"""``openmolmo download SET_OR_FILE``, and ``list`` and ``report`` of what it fetched."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import click

from openmolmo.core.command_group import OpenGroup
from openmolmo.core.errors import ConfigError
from openmolmo.core.hub import fetch_tables
from openmolmo.core.optional import require
from openmolmo.core.progress import console, make_progress, print_table, say
from openmolmo.engine.download.database import StatusDatabase
from openmolmo.engine.download.listing import Shared, fates, shared_files
from openmolmo.engine.download.report import SetReport
from openmolmo.engine.download.report import report as make_report
from openmolmo.engine.download.sets import SETS
from openmolmo.engine.download.states import MEANING, STATUS, State
from openmolmo.engine.download.store import ImageStore
from openmolmo.engine.download.tables import Columns, add_set, find_tables, read_rows
from openmolmo.engine.download.verify import Limits

__all__ = ["download"]

_ANY = "SET_OR_FILE"
_FAILURES = [state for state in State if state not in (State.NEW, State.OK)]


_SUMMARIES = {
    _ANY: "Fetch the pictures of a published set, or of a table with URLs.",
    "join": "Write annotations and their pictures as shards, one example a picture.",
}


class _Targets(OpenGroup):
    """Subcommands are the published sets and any path of a table, beside its own and those of higher rooms."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [_ANY, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        if found is None and not cmd_name.startswith("-"):
            return _fetch_command(cmd_name)
        return found


@click.group(
    cls=_Targets,
    opened="openmolmo.download_commands",
    summaries=_SUMMARIES,
    subcommand_metavar=f"{_ANY} [OPTIONS] | COMMAND",
)
def download() -> None:
    """Fetch the pictures of a set, and account for those that cannot be had.

    SET_OR_FILE is the name of a published set (pixmo-cap, pixmo-points, ...) or a table with URLs:
    a parquet, jsonl, csv or txt file, or a folder of them. A run that was stopped or killed is gone
    on with by the same command.
    """


def _fetch_command(target: str) -> click.Command:
    @click.command(
        target,
        short_help="Fetch the pictures of a set.",
        help=f"Fetch the pictures of {'a set or of a table with URLs' if target == _ANY else target} into --out."
        f"\n\nPublished sets: {', '.join(SETS)}.",
    )
    @click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the pictures.")
    @click.option("--rows", type=click.Path(path_type=Path), help="Local tables of a published set  [default: the hub]")
    @click.option("--name", help="What the set is called in the report  [default: its own name]")
    @click.option("--url-column", help="Column of URLs  [default: image_url or url]")
    @click.option("--sha256-column", help="Column of hashes  [default: image_sha256 or sha256, if there]")
    @click.option("--label-column", multiple=True, help="Column whose distribution the report compares; repeatable.")
    @click.option("--retry", default="", help="Failures to try again, e.g. gone,forbidden (transient always are).")
    @click.option("--mirror", multiple=True, help="A folder of files, or an address with {sha256}, {url}; repeatable.")
    @click.option("--connections", default=64, show_default=True, type=click.IntRange(min=1), help="Requests at once.")
    @click.option("--per-host", default=16, show_default=True, type=click.IntRange(min=1), help="Of one host, at most.")
    @click.option("--tries", default=3, show_default=True, type=click.IntRange(min=1), help="Of one URL in one run.")
    @click.option("--timeout", default=60.0, show_default=True, type=click.FloatRange(min=0.1), help="Seconds a try.")
    @click.option("--max-mb", default=32.0, show_default=True, type=click.FloatRange(min=0.001), help="Of one file.")
    @click.option("--opt-out/--ignore-opt-out", default=True, show_default=True, help="Honour X-Robots-Tag: noai.")
    @click.option("--robots/--ignore-robots", default=False, show_default=True, help="Honour robots.txt.")
    @click.option("--limit", type=click.IntRange(min=1), help="Try at most so many URLs  [default: all]")
    def run(out: Path, retry: str, name: str | None, rows: Path | None, **options: object) -> None:
        _fetch(target, out, retry=_states(retry, _FAILURES, "--retry"), name=name, rows=rows, **options)

    return run


def _states(text: str, known: Sequence[State], option: str) -> list[State]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"{name!r} is none of {', '.join(known)}", param_hint="--retry" if State.OK not in known else "--state"
            )
    return [State(name) for name in names]


def _fetch(
    target: str, out: Path, *, retry: list[State], name: str | None, rows: Path | None, **options: object
) -> None:
    require("aiohttp", extra="download")
    from openmolmo.engine.download.client import Timeouts
    from openmolmo.engine.download.driver import Settings
    from openmolmo.engine.download.driver import download as run

    given = _Options(**options)  # type: ignore[arg-type]
    connect = min(10.0, given.timeout)
    settings = Settings(
        connections=given.connections,
        per_host=given.per_host,
        tries=given.tries,
        timeouts=Timeouts(connect=connect, read=min(15.0, given.timeout), total=given.timeout),
        mirrors=given.mirror,
        opt_out=given.opt_out,
        robots=given.robots,
    )
    tables, columns = _tables(target, rows, given)
    label = name or (target if target in SETS else Path(target).stem)
    next(read_rows(tables[0], columns), None)  # a wrong column is said before anything is written
    with StatusDatabase(out) as database:
        total = add_set(database, label, tables, columns)
        planned = database.plan([State.TRANSIENT, *retry], tries=given.tries, name=label, limit=given.limit)
        console.print(f"{label}: {total} rows, {planned} pictures to try", highlight=False, soft_wrap=True)
        with make_progress("note") as progress:
            bar = progress.add_task(label, total=planned, note="")
            images = 0

            def on_result(state: State) -> None:
                nonlocal images
                images += state is State.OK
                progress.update(bar, advance=state is not State.TRANSIENT, note=f"{images} fetched")

            store = ImageStore(out, limits=Limits(bytes=int(given.max_mb * 2**20)))
            summary = run(database, store, settings, on_result=on_result)
        _tell_run(label, database, summary.images, summary.seconds, summary.left)
    console.print(f"the whole account:  openmolmo download report {out}", highlight=False, soft_wrap=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Options:
    """The options of the command that need no treatment."""

    url_column: str | None
    sha256_column: str | None
    label_column: tuple[str, ...]
    mirror: tuple[str, ...]
    connections: int
    per_host: int
    tries: int
    timeout: float
    max_mb: float
    opt_out: bool
    robots: bool
    limit: int | None


def _tables(target: str, rows: Path | None, given: _Options) -> tuple[list[Path], Columns]:
    """The files with the rows, and the columns of them; what was said on the command line wins."""
    published = SETS.get(target)
    if published is None and rows is not None:
        raise ConfigError(f"--rows goes with a published set, {target!r} is none", fix=f"known: {', '.join(SETS)}")
    base = published.columns if published else Columns()
    columns = Columns(
        url=given.url_column or base.url,
        sha256=given.sha256_column or base.sha256,
        labels=given.label_column or base.labels,
    )
    if published is None and not Path(target).exists():
        raise click.UsageError(f"{target!r} is neither a table with URLs nor one of {', '.join(SETS)}")
    if published is None:
        return find_tables(Path(target)), columns
    return find_tables(rows or fetch_tables(published.repository)), columns


def _tell_run(name: str, database: StatusDatabase, images: int, seconds: float, left: dict[str, str]) -> None:
    rate = f"{images / seconds:.0f}" if seconds > 0 else "-"
    for shared in shared_files(database, name):
        say(_shared_note(shared))
    rows = [[str(state), count, MEANING[state]] for state, count in database.counts().items()]
    print_table(f"{name}: {images} fetched in {seconds:.0f} s, {rate} a second", ["state", "URLs", "meaning"], rows)
    for host, why in list(left.items())[:10]:
        console.print(f"left to a later run: {host or '(no host)'}: {why}", highlight=False, markup=False)


def _shared_note(shared: Shared) -> str:
    return (
        f"note: {shared.urls} addresses ({shared.hosts} host{'s' * (shared.hosts != 1)}) gave one and the same file, "
        f"{shared.file}: if it is a placeholder, hold its hash out when joining"
    )


@download.command(name="list")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--state", "only", default="", help="Only these, by commas, e.g. ok or gone,corrupt  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
def list_(folder: Path, only: str, as_json: bool) -> None:
    """Say of each URL in FOLDER which file it became, or why it did not.

    Columns, with tabs between them: state, file (in FOLDER; - for none), URL, why.
    """
    states = _states(only, [*State], "--state")
    with _book(folder) as database:
        for fate in fates(database, states):
            line = "\t".join((fate.state, fate.file or "-", fate.url, " ".join(fate.why.split())))
            click.echo(json.dumps(fate.to_dict(), ensure_ascii=False) if as_json else line.rstrip())


def _book(folder: Path) -> StatusDatabase:
    if not (folder / STATUS).is_file():
        raise click.UsageError(f"{folder} holds no {STATUS}: name the folder given to download as --out")
    return StatusDatabase(folder)


@download.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--most", default=5, show_default=True, type=click.IntRange(min=0), help="Labels and hosts to name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def report(folder: Path, most: int, as_json: bool) -> None:
    """Say of each set in FOLDER what is there, why the rest is not, and how labels moved by the loss."""
    with _book(folder) as database:
        found = make_report(database, most=most)
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        _tell_set(one)


def _tell_set(one: SetReport) -> None:
    rows: list[list[object]] = [
        ["rows", one.rows, ""],
        ["images (URLs)", one.images, ""],
        ["alive", one.alive_images, f"{one.alive:.1%} of the rows"],
        ["files (pictures)", one.files, f"{one.bytes / 1e6:.1f} MB"],
        *([f"  {state}", urls, f"{count} rows"] for state, (urls, count) in one.reasons.items()),
    ]
    print_table(one.name, ["", "count", ""], rows)
    for shared in one.shared:
        say(_shared_note(shared))
    if one.hosts:
        print_table(f"{one.name}: hosts", ["host", "lost", "of"], [list(host) for host in one.hosts])
    for shift in one.labels:
        title = (
            f"{one.name}: {shift.column}: {shift.values} values, {shift.lost} lost; "
            f"moved by {shift.moved:.3f} (by chance {shift.by_chance:.3f})"
        )
        cells = [[value, f"{before:.2%}", f"{after:.2%}"] for value, before, after in shift.most]
        print_table(title, ["value", "share before", "share now"], cells)
