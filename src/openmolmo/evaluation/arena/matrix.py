"""Who met whom how often, and what share each side won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmolmo.evaluation.arena.votes import Votes

__all__ = ["WinMatrix", "win_matrix"]


@dataclass(frozen=True, kw_only=True)
class WinMatrix:
    """``met``: (n, n) votes between two models, both sides together; ``won``: (n, n) share that the row's model won,
    ties half, NaN where the two never met."""

    models: tuple[str, ...]
    met: NDArray[np.float64]
    won: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """JSON values: None where two never met."""
        shares = [[None if np.isnan(x) else round(float(x), 6) for x in row] for row in self.won]
        return {"models": list(self.models), "votes": self.met.astype(int).tolist(), "won": shares}


def win_matrix(votes: Votes, order: Sequence[str] | None = None) -> WinMatrix:
    """The matrix of votes, its rows and columns in ``order`` (such as that of the ratings)."""
    n = len(votes.models)
    one, other = votes.pairs[:, 0], votes.pairs[:, 1]
    gained = np.zeros((n, n))
    np.add.at(gained, (one, other), votes.counts * votes.outcomes)
    np.add.at(gained, (other, one), votes.counts * (1 - votes.outcomes))
    met = gained + gained.T
    with np.errstate(invalid="ignore"):
        won = gained / met
    names = votes.models if order is None else tuple(order)
    places = [votes.models.index(name) for name in names]
    return WinMatrix(models=names, met=met[np.ix_(places, places)], won=won[np.ix_(places, places)])
