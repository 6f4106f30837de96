"""A whole preference study: vote files of the studio and of Chatbot Arena, categories, length, schedule, page."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.evaluation.arena.commands import arena
from openmolmo.evaluation.arena.schedule import best_pairs, schedule
from openmolmo.evaluation.arena.solve import solve
from openmolmo.evaluation.arena.study import study_of
from openmolmo.evaluation.arena.votes import CATEGORIES, Votes, count_votes, read_ballots

MODELS = ["alpha", "beta", "gamma", "delta"]
TRUTH = {"alpha": 1150.0, "beta": 1050.0, "gamma": 950.0, "delta": 850.0}
LENGTH = 80.0  # rating points of an answer twice as long


def chance(a: float, b: float) -> float:
    return float(1 / (1 + 10 ** ((b - a) / 400)))


def drawn(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Votes in the studio's form: voters like long answers, and beta is as good as alpha at counting."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        one, other = rng.choice(MODELS, 2, replace=False)
        category = CATEGORIES[number % 10]
        long = {name: int(rng.integers(100, 900)) * (2 if name == "delta" else 1) for name in (one, other)}
        gap = TRUTH[one] - TRUTH[other] + LENGTH * 3 * (long[one] - long[other]) / (long[one] + long[other])
        gap += 100 * ((one == "beta") - (other == "beta")) * (category == "counting")
        lot = rng.random()
        said = "dont_know" if lot < 0.03 else "both_bad" if lot < 0.06 else "both_good" if lot < 0.1 else ""
        said = said or ("a" if rng.random() < chance(gap, 0) else "b")
        rows.append(
            {"model_a": one, "model_b": other, "outcome": said, "category": category, "question_id": f"q{number % 50}",
             "voter": f"v{number % 7}", "seconds": 20, "length_a": long[one], "length_b": long[other]}
        )  # fmt: skip
    return rows


def as_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return as_jsonl(tmp_path_factory.mktemp("study") / "votes.jsonl", drawn(6000))


def test_a_study_finds_what_the_voters_were_made_of(votes: Path) -> None:
    study = study_of(read_ballots(votes), rounds=30, length=True)
    assert study.ranking == MODELS
    assert set(study.by_category) == set(CATEGORIES) and list(study.by_category) == list(CATEGORIES)
    ahead = {
        name: found.ratings["beta"] - found.ratings["alpha"] for name, found in study.by_category.items()
    }  # which models win is another thing in counting
    assert ahead["counting"] == max(ahead.values()) > -60
    equal = study.at_equal_length
    assert equal is not None and equal.length is not None
    share = 0.93  # ties are half a win each, which flattens everything a little
    assert equal.length.points == pytest.approx(LENGTH * share, abs=8)
    assert equal.length.low < equal.length.points < equal.length.high
    for model in MODELS:  # delta's long answers had lifted it
        assert equal.ratings[model] == pytest.approx(1000 + (TRUTH[model] - 1000) * share, abs=15)
    assert study.ratings.ratings["delta"] - equal.ratings["delta"] > 15
    assert study.turnout.voters == 7 and study.turnout.questions == 50 and study.turnout.median_seconds == 20
    assert study.turnout.left_out.keys() == {"dont_know"}
    assert study.turnout.votes + study.turnout.left_out["dont_know"] == 6000
    won = study.matrix.won
    assert won[0, 3] > 0.7 and won[0, 3] + won[3, 0] == pytest.approx(1) and np.isnan(won[0, 0])
    assert study.matrix.met.sum() == 2 * study.turnout.votes


def test_the_columns_of_chatbot_arena_say_the_same(tmp_path: Path, votes: Path) -> None:
    rows = drawn(300)
    words = {"a": "model_a", "b": "model_b", "both_good": "tie", "both_bad": "tie (bothbad)", "dont_know": "unsure"}
    old = [{"model_a": r["model_a"], "model_b": r["model_b"], "winner": words[r["outcome"]], "judge": r["voter"],
            "conv_metadata": {"sum_assistant_a_tokens": r["length_a"], "sum_assistant_b_tokens": r["length_b"]}}
           for r in rows]  # fmt: skip
    (tmp_path / "list.json").write_text(json.dumps(old))
    one_hot = io.StringIO()
    table = csv.writer(one_hot)
    table.writerow(["model_a", "model_b", "response_a", "response_b", "winner_model_a", "winner_model_b", "winner_tie"])
    for row in rows:
        won = row["outcome"]
        if won != "dont_know":
            flags = (int(won == "a"), int(won == "b"), int(won.startswith("both")))
            table.writerow([row["model_a"], row["model_b"], "x" * row["length_a"], "x" * row["length_b"], *flags])
    (tmp_path / "kaggle.csv").write_text(one_hot.getvalue())
    studio = read_ballots(as_jsonl(tmp_path / "v.jsonl", rows))
    for name in ("list.json", "kaggle.csv"):
        ballots = read_ballots(tmp_path / name)
        assert [v.outcome for v in ballots.votes] == [v.outcome for v in studio.votes]
        assert [v.length for v in ballots.votes] == pytest.approx([v.length for v in studio.votes])
    assert read_ballots(tmp_path / "list.json").left_out == {"unsure": len(rows) - len(studio.votes)}


def test_votes_on_unknown_models_are_left_out_and_no_vote_at_all_is_said(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path / "v.jsonl", drawn(200))
    ballots = read_ballots(path, models=["alpha", "beta"])
    assert {v.model_a for v in ballots.votes} == {"alpha", "beta"}
    assert any(text.startswith("unknown model") for text in ballots.left_out)
    with pytest.raises(DataError, match=r"no vote in it that counts \(left out: .*unknown model"):
        read_ballots(path, models=["none of them"])
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(DataError, match="no JSON list"):
        read_ballots(tmp_path / "x.json")


# ---------------------------------------------------------------------------------------- schedule


def told(truth: np.ndarray, pairs: list[tuple[int, int]]) -> float:
    """The mean variance of the ratings, in squared points, after votes on ``pairs``: of which less is better."""
    n = len(truth)
    known = np.zeros((n, n))
    for i, j in pairs:
        p = chance(truth[i], truth[j])
        known[[i, j], [i, j]] += p * (1 - p)
        known[[i, j], [j, i]] -= p * (1 - p)
    return float(np.trace(np.linalg.pinv(known)) * (400 / np.log(10)) ** 2 / n)


def ask(truth: np.ndarray, adaptive: bool, rng: np.random.Generator) -> tuple[float, float]:
    """(variance, squared error) after six rounds of 60 votes, pairs chosen from the votes so far or at random."""
    names = [f"m{i:02}" for i in range(len(truth))]
    rows: list[dict[str, str]] = []
    asked: list[tuple[int, int]] = []
    for _ in range(6):
        if adaptive:
            pairs = best_pairs(names, 60, count_votes(rows) if rows else None)
        else:
            pairs = [tuple(rng.choice(len(truth), 2, replace=False)) for _ in range(60)]
        asked += pairs
        for i, j in pairs:
            won = "model_a" if rng.random() < chance(truth[i], truth[j]) else "model_b"
            rows.append({"model_a": names[i], "model_b": names[j], "winner": won})
    votes = count_votes(rows)
    found = solve(votes, votes.counts, 0.05) * 400 / np.log(10)
    order = [names.index(name) for name in votes.models]
    return told(truth, asked), float(np.mean((found - truth[order]) ** 2))


def test_scheduled_pairs_tell_more_than_random_ones() -> None:
    gains, errors = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        truth = rng.normal(0, 250, 12)
        truth -= truth.mean()
        random, chosen = ask(truth, False, rng), ask(truth, True, rng)
        gains.append(random[0] / chosen[0])
        errors.append((random[1], chosen[1]))
    assert min(gains) > 1  # in every single study
    assert np.mean(gains) > 1.15
    by_chance, scheduled = np.mean(errors, axis=0)
    assert scheduled < by_chance


def test_a_new_model_is_voted_on_first() -> None:
    rows = [{"model_a": a, "model_b": b, "winner": "tie"} for a in MODELS for b in MODELS if a < b] * 200
    chosen = best_pairs([*MODELS, "new"], 40, count_votes(rows))
    assert all(4 in pair for pair in chosen)
    assert len(set(chosen)) == 4  # and against every other


def test_a_schedule_is_fair_and_the_same_again() -> None:
    found = schedule(MODELS, 240, categories=CATEGORIES)
    assert found == schedule(MODELS, 240, categories=CATEGORIES)
    for category in CATEGORIES:
        asked = [one for one in found if one.category == category]
        assert len(asked) == 24
        met = {frozenset((one.model_a, one.model_b)) for one in asked}
        assert len(met) == 6  # without a vote all pairs are equal, so each is asked for as often
    left = sum(one.model_a == "alpha" for one in found) / sum("alpha" in (one.model_a, one.model_b) for one in found)
    assert 0.35 < left < 0.65
    for wrong in (["a"], ["a", "a"], []):
        with pytest.raises(ConfigError, match="two different models"):
            schedule(wrong, 3)


# ---------------------------------------------------------------------------------------- commands


def call(*words: object) -> Any:
    return CliRunner().invoke(arena, [str(word) for word in words])


def test_the_commands_print_a_study_and_write_its_page(tmp_path: Path, votes: Path) -> None:
    shown = call("fit", votes, "--length", "--rounds", 5)
    assert shown.exit_code == 0 and "at equal length" in shown.output and "By category" in shown.output
    values = json.loads(call("fit", votes, "--rounds", 5, "--models", "alpha,beta", "--json").stdout)
    assert set(values["ratings"]) == {"alpha", "beta"} and set(values["by_category"]) == set(CATEGORIES)
    assert values["matrix"]["won"][0][0] is None and values["turnout"]["voters"] == 7
    page = tmp_path / "page.html"
    written = call("report", votes, "--out", page, "--rounds", 5, "--length", "--title", "<Mine> & yours")
    assert written.exit_code == 0 and "4 models" in written.stdout
    text = page.read_text()
    assert "&lt;Mine&gt; &amp; yours" in text and "named entities" in text and "<script" not in text
    assert text.count("<svg") == 4 and "points higher" in text and "http" not in text
    pairs = call("schedule", votes, "--count", 6)
    assert len(list(csv.DictReader(io.StringIO(pairs.stdout)))) == 6
    asked = json.loads(call("schedule", "--models", "x,y", "--count", 3, "--categories", "paper", "--json").stdout)
    assert {row["model_a"] for row in asked} <= {"x", "y"}


def test_a_page_of_votes_that_decide_little_says_so(tmp_path: Path) -> None:
    rows = [{"model_a": "a", "model_b": "b", "winner": "model_a"}] * 3
    rows += [{"model_a": "c", "model_b": "d", "winner": "tie"}]
    written = call("report", as_jsonl(tmp_path / "v.jsonl", rows), "--out", tmp_path / "p.html", "--rounds", 2)
    assert written.exit_code == 0 and "never met" in written.stderr and "never met" in (tmp_path / "p.html").read_text()
    refused = call("fit", tmp_path / "v.jsonl", "--length")
    assert isinstance(refused.exception, ConfigError) and "how long the answers are" in str(refused.exception)
    assert isinstance(call("schedule").exception, ConfigError)


def test_the_counts_of_votes_without_lengths_are_as_before() -> None:
    rows = [{"model_a": "a", "model_b": "b", "winner": "tie"}] * 2
    votes = count_votes(rows)
    assert isinstance(votes, Votes) and votes.lengths is None and votes.counts.tolist() == [2.0]
