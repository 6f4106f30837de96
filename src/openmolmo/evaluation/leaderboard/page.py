"""The leaderboard as one page."""

from __future__ import annotations

import re
from pathlib import Path

from openmolmo.core.files import write_text
from openmolmo.core.pages import page
from openmolmo.evaluation.leaderboard.board import Board
from openmolmo.evaluation.published.tables import BENCHMARKS

__all__ = ["write_board"]

_INSIDE = re.compile(r"(?<=[a-z])(?=[A-Z])")  # where a long name may be broken: Infographic-VQA


def write_board(board: Board, out: Path, *, title: str) -> None:
    """Write the page."""
    own = [entry for entry in board.entries if not entry.published]
    text = page(
        "openmolmo.evaluation.leaderboard",
        "leaderboard.html.j2",
        title=title,
        board=board,
        titles={name: _INSIDE.sub("\u00ad", one) for name, one in BENCHMARKS.items()},
        best={name: board.best(name) for name in (*board.benchmarks, *board.others)},
        settings=[(entry, entry.settings) for entry in own],
        published=any(entry.published for entry in board.entries),
        sources=sorted({entry.source for entry in board.entries if entry.published}),
    )
    write_text(out, text)
