"""``openmolmo eval leaderboard``: one page from result files."""

from __future__ import annotations

from pathlib import Path

import click

from openmolmo.core.console import counted, echo_json
from openmolmo.core.files import require_writable
from openmolmo.evaluation.comparing.result_file import read_result_file
from openmolmo.evaluation.leaderboard.board import board_of
from openmolmo.evaluation.leaderboard.page import write_board

__all__ = ["leaderboard"]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("leaderboard.html"), show_default=True
)
@click.option("--title", default="Leaderboard", show_default=True, help="Heading of the page.")
@click.option("--published/--no-published", default=True, show_default=True, help="With the paper's models beside.")
@click.option("--json", "as_json", is_flag=True, help="Print the board as JSON as well.")
def leaderboard(files: tuple[Path, ...], out: Path, title: str, published: bool, as_json: bool) -> None:
    """Write a leaderboard of the models of result FILES (results.json of `openmolmo eval`, or their folders).

    Files of one model make one row. Settings and numbers of questions that differ are said on the page.
    """
    require_writable(out)
    board = board_of([read_result_file(file) for file in files], published=published)
    write_board(board, out, title=title)
    if as_json:
        echo_json(board.to_dict())
    else:
        click.echo(f"{counted(sum(not entry.published for entry in board.entries), 'model')}: {out}")
    for note in board.notes:
        click.echo(f"note: {note}", err=True)
