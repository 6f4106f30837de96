"""What the commands of ablations and of scaling share: options, how runs begin and end, how reports are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openmolmo.core.errors import RunError
from openmolmo.core.progress import say
from openmolmo.recipes.ablate.results import read_results

if TYPE_CHECKING:
    from openmolmo.recipes.ablate.queue import Plan

__all__ = [
    "budget_option",
    "folder_option",
    "prepare",
    "report_options",
    "require_none_failed",
    "scale_option",
    "workers_option",
    "write_reports",
]

Command = Callable[..., Any]

budget_option = click.option(
    "--budget", help="Stop after so long: 20m, 2h, 90s. What is in progress then goes on next time."
)
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), help="Runs at once, of one core each. [default: as many as cores]"
)


def folder_option(default: str, *, more: str = "") -> Callable[[Command], Command]:
    """``--dir``, as ``root``: the folder of all runs."""
    return click.option(
        "--dir",
        "root",
        default=default,
        show_default=True,
        type=click.Path(path_type=Path, file_okay=False),
        help=f"Folder of all runs; several machines may share it.{more}",
    )


def scale_option(what: str) -> Callable[[Command], Command]:
    """``--scale``: so many times ``what``."""
    return click.option(
        "--scale",
        default=1.0,
        show_default=True,
        type=click.FloatRange(min=0, min_open=True),
        help=f"So many times the {what}; small ones only show that it runs.",
    )


def report_options(command: Command) -> Command:
    """``--markdown``, ``--html`` and ``--json`` (as ``as_json``)."""
    file = click.Path(path_type=Path, dir_okay=False)
    command = click.option("--json", "as_json", type=file, help="Write everything as JSON.")(command)
    command = click.option("--html", type=file, help="Write one page, with curves.")(command)
    return click.option("--markdown", type=file, help="Write the tables as Markdown.")(command)


def require_none_failed(plans: Sequence[Plan], root: Path) -> None:
    """Raise RunError where runs failed, which names the first."""
    from openmolmo.recipes.ablate.queue import failure_of, state_of

    failed = [run for plan in plans for run in plan.runs if state_of(run, root) == "failed"]
    if failed:
        raise RunError(
            f"{len(failed)} runs failed, the first ({failed[0].title}): {failure_of(failed[0], root)}",
            fix="correct the cause and run the same command again: what is finished is kept",
        )


def write_reports(*files: tuple[Path | None, Callable[[Path], None]]) -> bool:
    """Write those that have a path, and name them on standard output; whether there was one."""
    named = [(path, write) for path, write in files if path is not None]
    for path, write in named:
        write(path)
    for path, _ in named:
        click.echo(path)
    return bool(named)


def prepare(plans: Sequence[Plan], root: Path) -> None:
    """Make the folder of all runs ready: what fits is adopted, what does not is told of, what failed is tried again."""
    from openmolmo.recipes.ablate.queue import adopt, forget_failures

    root.mkdir(parents=True, exist_ok=True)
    adopt(plans, root)
    _tell_others(plans, root)
    forget_failures(plans, root)


def _tell_others(plans: Sequence[Plan], root: Path) -> None:
    """Results of other code or settings, which stay and are not mixed in."""
    for plan in plans:
        shared = {run.shared for run in plan.runs}
        others = [one for one in read_results(root, plan.ablation.name) if one.shared not in shared]
        if others:
            codes = ", ".join(sorted({one.code for one in others}))
            say(
                f"note: {root} holds {len(others)} results of {plan.ablation.name} by other code or settings (code "
                f"{codes}; now {plan.runs[0].code}, settings {plan.runs[0].shared}): they are kept apart, and not used"
            )
