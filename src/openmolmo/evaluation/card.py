"""Everything that a model card tells of a model's scores: each world by itself, and pictures unlike all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.files import write_json, write_text
from openmolmo.evaluation.known_world.measure import known_pictures, measure
from openmolmo.evaluation.known_world.rates import table
from openmolmo.evaluation.report import markdown_table, write_results
from openmolmo.evaluation.results import Results
from openmolmo.evaluation.session import Setup, judge
from openmolmo.inference.load import load

__all__ = ["KNOWN", "WORLDS", "CardScores", "judge_card", "write_card_scores"]

WORLDS = ("scenes", "icons", "cards", "clocks")
"""Generators that the bundled model is judged on, each by itself: together they would hide the hardest."""

KNOWN = ("scenes", "easy_scenes", "icons", "cards", "clocks")
"""Generators of the pictures that the bundled model should call known."""

_KNOWN_COUNT = 200


@dataclass(frozen=True)
class CardScores:
    """Results of each world, and the rates of pictures called unlike what the model knows (None: it does not say)."""

    worlds: dict[str, Results]
    known: dict[str, dict[str, Any]] | None

    def headlines(self) -> dict[str, Any]:
        """JSON values: world -> task -> column -> headline score."""
        return {world: results.headlines() for world, results in self.worlds.items()}

    def tables(self) -> dict[str, str]:
        """World -> its table in Markdown."""
        return {world: markdown_table(results) for world, results in self.worlds.items()}

    def known_table(self) -> str:
        """The rates as a table in Markdown; empty where the model does not say what it knows."""
        return table(self.known) if self.known is not None else ""


def judge_card(setup: Setup, worlds: Sequence[str] = WORLDS) -> CardScores:
    """Judge ``setup.model`` on ``setup.count`` pictures of each of ``worlds``, and on pictures unlike all of them."""
    results = {world: judge(dataclasses.replace(setup, synth=(world,))) for world in worlds}
    predictor = load(setup.model, device=setup.device, batch_size=setup.batch_size)
    world = predictor.model.known_world
    if world is None:
        return CardScores(results, None)
    given = known_pictures(predictor, None, KNOWN, _KNOWN_COUNT, fitting=False)
    return CardScores(results, measure(predictor, world, given.test))


def write_card_scores(scores: CardScores, out: Path) -> None:
    """``scores.md`` with every table, ``scores.json``, and a folder a world with its page of cases."""
    parts = [f"## {world}\n\n{rows}" for world, rows in scores.tables().items()]
    if scores.known is not None:
        parts.append(f"## Pictures that it does not know\n\n{scores.known_table()}\n")
    for world, results in scores.worlds.items():
        write_results(results, out / world)
    write_json(out / "scores.json", {"scores": scores.headlines(), "known_world": scores.known})
    write_text(out / "scores.md", "\n".join(parts))
