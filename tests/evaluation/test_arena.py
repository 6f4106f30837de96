"""Ratings from votes: known cases, what votes cannot decide, and broken files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from openmolmo.cli import main
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.evaluation.arena.bradley_terry import fit
from openmolmo.evaluation.arena.votes import count_votes, read_votes


def votes(*rows: tuple[str, str, str]):
    return count_votes({"model_a": a, "model_b": b, "winner": winner} for a, b, winner in rows)


def test_three_wins_to_one_are_190_85_points() -> None:
    found = fit(votes(*[("a", "b", "model_a")] * 3, ("b", "a", "model_a")))
    assert found.ratings["a"] - found.ratings["b"] == pytest.approx(400 * np.log10(3), abs=1e-6)
    assert sum(found.ratings.values()) / 2 == pytest.approx(1000)
    assert not found.diverges


def test_an_anchor_holds_one_model() -> None:
    found = fit(votes(*[("a", "b", "model_a")] * 3, ("b", "a", "model_a")), anchor=("b", 1114.0))
    assert found.ratings["b"] == pytest.approx(1114)
    with pytest.raises(ConfigError, match="'c' has no vote"):
        fit(votes(("a", "b", "tie")), anchor=("c", 1000.0))


def test_the_gradient_at_the_fit_is_nothing() -> None:
    rng = np.random.default_rng(3)
    names = [f"m{i}" for i in range(8)]
    drawn = [tuple(rng.choice(names, 2, replace=False)) for _ in range(3000)]
    counted = votes(*((a, b, str(rng.choice(["model_a", "model_b", "tie"]))) for a, b in drawn))
    found = fit(counted, rounds=5)
    strength = np.array([found.ratings[m] for m in counted.models]) * np.log(10) / 400
    chance = 1 / (1 + np.exp(-(strength[counted.pairs[:, 0]] - strength[counted.pairs[:, 1]])))
    slope = counted.counts * (chance - counted.outcomes)
    gradient = np.bincount(counted.pairs[:, 0], slope, 8) - np.bincount(counted.pairs[:, 1], slope, 8)
    assert np.abs(gradient).max() / counted.total < 1e-9


def test_what_votes_cannot_decide_is_said() -> None:
    never_beaten = fit(votes(*[("a", "b", "model_a")] * 5, ("b", "c", "tie")), rounds=3)
    assert never_beaten.diverges and "never beaten from outside" in " ".join(never_beaten.warnings)
    assert all(np.isfinite(value) for value in never_beaten.ratings.values())
    apart = fit(votes(("a", "b", "tie"), ("c", "d", "tie")), rounds=3)
    assert "2 groups of models never met" in apart.warnings[0]


def test_other_votes_are_left_out_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    rows = [("a", "b", "model_a"), ("a", "b", "don't know"), ("b", "a", "tie (bothbad)"), ("a", "a", "tie")]
    lines = (json.dumps({"model_a": a, "model_b": b, "winner": w}) for a, b, w in rows)
    file.write_text("\n".join(lines))
    read = read_votes(file)
    assert read.total == 2 and read.left_out == {"don't know": 1, "a model against itself": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model_a,model_b,winner\n", "there is no vote"),
        ("model_a,winner\na,tie\n", "has no model_b"),
        ("model_a,model_b,winner\na,b,\n", "has no winner"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "votes.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=said):
        read_votes(file)


def test_the_command_prints_the_table(tmp_path: Path, capsys, monkeypatch) -> None:
    file = tmp_path / "votes.csv"
    file.write_text("model_a,model_b,winner\n" + "nano,micro,model_a\n" * 3 + "nano,micro,model_b\n")
    monkeypatch.setattr(sys, "argv", ["openmolmo", "arena", "fit", str(file), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ratings"]["nano"] - found["ratings"]["micro"] == pytest.approx(190.848, abs=1e-3)
    assert found["ranks"] == {"nano": 1, "micro": 1}
