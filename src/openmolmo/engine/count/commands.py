"""``openmolmo synth count``: counts of what a detector finds in a folder of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from openmolmo.core.executors import Executor, executor_option
from openmolmo.core.progress import make_progress, print_table
from openmolmo.engine.count.choosing import Rules
from openmolmo.engine.count.making import CountReport, CountSettings, make_counts

__all__ = ["count"]


@click.command("count", short_help="Make counts of what a detector finds in a folder of pictures.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--detector", default="opencv", show_default=True, help="A name of openmolmo.detectors.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="Of the detector; repeatable.")
@click.option("--sure", default=0.8, show_default=True, type=float, help="Least score of a box that counts.")
@click.option("--doubtful", default=0.4, show_default=True, type=float, help="From here to --sure drops a picture.")
@click.option("--most", default=10, show_default=True, type=click.IntRange(min=1), help="Greatest count.")
@click.option("--zeros/--no-zeros", default=True, show_default=True, help="Keep pictures in which nothing was found.")
@click.option(
    "--held-out",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Pictures of each count, for each of validation and test.",
)
@click.option("--licence", default="unknown", show_default=True, help="Licence of the pictures.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Processes.")
@executor_option
def count(folder: Path, out: Path, options: tuple[str, ...], workers: int, executor: Executor, **chosen: Any) -> None:
    """Find things in the pictures of FOLDER, and write how many there are, with points at their middles.

    A picture is left out when some boxes are doubtful, so that those that stay are mostly right; people can check
    them: openmolmo studio import OUT/validation --modes count_check. A run that was stopped is finished by the same
    command; other limits need no new look at the pictures.
    """
    rules = Rules(**{name: chosen.pop(name) for name in ("sure", "doubtful", "most", "zeros")})
    settings = CountSettings(options=dict(_pair(option) for option in options), rules=rules, **chosen)
    with make_progress() as progress:
        bar = progress.add_task("looking", total=None)
        report = make_counts(
            folder,
            out,
            settings,
            workers=workers,
            executor=executor,
            on_done=lambda pictures: progress.advance(bar, pictures),
        )
    _tell(report, out)


def _pair(option: str) -> tuple[str, str]:
    name, sign, value = option.partition("=")
    if not sign or not name:
        raise click.BadParameter(f"{option!r} is not NAME=VALUE", param_hint="--option")
    return name, value


def _tell(report: CountReport, out: Path) -> None:
    kept = {split: sum(counts.values()) for split, counts in report.kept.items()}
    rows: list[list[object]] = [["pictures", report.pictures], ["looked at now", report.looked_at]]
    rows += [[split, _spread(report.kept[split])] for split in kept if kept[split]]
    rows += [[f"left out: {reason}", number] for reason, number in report.dropped.items()]
    each = max(report.kept["validation"].values(), default=0)
    notes = []
    if each < report.wanted:
        notes.append(
            f"the rarest count has too few pictures: validation and test have {each} of each count, "
            f"{report.wanted} were asked for"
        )
    if each:
        notes.append(f"have people check them:  openmolmo studio import {out / 'validation'} --modes count_check")
    print_table(f"counts in {out}", ["", "pictures"], rows, notes)


def _spread(counts: Mapping[int, int]) -> str:
    return f"{sum(counts.values())} ({', '.join(f'{number} of {count}' for count, number in counts.items())})"
