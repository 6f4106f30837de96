"""How often known and strange pictures are called unlike, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from openmolmo.evaluation.known_world.fit import Rows
from openmolmo.model.known_world import KnownWorld

__all__ = ["rates", "table"]


def rates(world: KnownWorld, known: Rows, others: Mapping[str, Rows]) -> dict[str, dict[str, Any]]:
    """By name, ``known`` first: pictures, share called unlike, its 95 % interval (Wilson), AUROC against ``known``."""
    threshold = world.reached[-1]
    base = _numbers(world, known)
    found = {"known": _row(base, threshold)}
    for name, rows in others.items():
        numbers = _numbers(world, rows)
        wins = (numbers[:, None] > base).mean() + 0.5 * (numbers[:, None] == base).mean()
        found[name] = {**_row(numbers, threshold), "auroc": round(float(wins), 3)}
    return found


def _numbers(world: KnownWorld, rows: Rows) -> np.ndarray:
    return rows.astype(np.float64) @ world.weight + world.bias


def _row(numbers: np.ndarray, threshold: float) -> dict[str, Any]:
    count, called = len(numbers), int((numbers > threshold).sum())
    low, high = _wilson(called, count)
    return {"pictures": count, "unlike": round(called / count, 4), "interval": [round(low, 4), round(high, 4)]}


def _wilson(hits: int, count: int) -> tuple[float, float]:
    z = 1.96
    share, room = hits / count, 1 + z * z / count
    middle = (share + z * z / (2 * count)) / room
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / room
    return max(0.0, middle - half), min(1.0, middle + half)


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """As Markdown."""
    lines = ["| Pictures | Number | Called unlike | 95 % | AUROC |", "|---|---:|---:|---|---:|"]
    for name, row in found.items():
        low, high = (f"{100 * end:.1f}" for end in row["interval"])
        auroc = f"{row['auroc']:.3f}" if "auroc" in row else ""
        lines.append(f"| {name} | {row['pictures']} | {100 * row['unlike']:.1f} % | {low} to {high} | {auroc} |")
    return "\n".join(lines)
