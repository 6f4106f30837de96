"""Progress bars and tables for people; silent where nobody looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

T = TypeVar("T")

__all__ = ["console", "make_progress", "print_table", "say", "table", "track"]

_FILE_WIDTH = 120
"""Columns of a table that goes to a file or another program, which is to have whole words."""

console = Console(stderr=True)
"""Progress, notes and errors go to standard error, so that standard output stays data."""


def make_progress(*extra: str) -> Progress:
    """A bar with description, count, rate and remaining time; ``extra`` names task fields to show."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *(TextColumn(f"{{task.fields[{name}]}}") for name in extra),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a bar on standard error (none when it is not a terminal)."""
    with make_progress() as progress:
        yield from progress.track(items, total=total, description=description)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A terminal table; the first column is left-aligned, the others right."""
    made = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index == 0 else "right", overflow="fold")  # nothing is cut off
    for row in rows:
        made.add_row(*(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    return made


def say(text: str, output: Console = console) -> None:
    """Print a line exactly as it is, however long: paths and messages may have brackets in them."""
    output.print(text, highlight=False, markup=False, soft_wrap=True)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], notes: Sequence[str] = ()
) -> None:
    """Print a table to standard output, and ``notes`` as lines under it; wide where no terminal sets a width."""
    output = Console()
    if not output.is_terminal:
        output = Console(width=_FILE_WIDTH)
    output.print(table(title, columns, rows))
    for note in notes:
        say(note, output)
