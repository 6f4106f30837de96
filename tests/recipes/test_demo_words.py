"""What a demo says of its scores and its time, and what a card is made from, worked out by hand."""

from __future__ import annotations

import json
import math
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.apps.demo import calls, pace, scores
from openmolmo.apps.demo.curves import _running_mean, curve
from openmolmo.apps.demo.judging import questions_in
from openmolmo.apps.demo.pace import NEEDED_EXAMPLES, NEEDED_PICTURES, Pace, without_workers
from openmolmo.apps.demo.plan import QUICK, Plan, full
from openmolmo.apps.demo.scores import CLEARLY, Comparison
from openmolmo.core.errors import CheckpointError
from openmolmo.evaluation.results import Column, Estimate, Results, TaskResult
from openmolmo.recipes.bundle import stage_facts
from openmolmo.recipes.micro import micro_see, micro_sft


def of(making: float = 400.0, seeing: float = 100.0, answering: float = 30.0) -> Pace:
    return Pace(making=making, seeing=seeing, answering=answering, per_row=2.0)


# ----------------------------------------------------------------------------------- time and size


def test_the_time_needed_is_that_of_both_stages() -> None:
    assert of().needed == pytest.approx(NEEDED_PICTURES / 100 + NEEDED_EXAMPLES / 30)
    assert of(seeing=50, answering=15).needed == pytest.approx(2 * of().needed)


@given(st.floats(0.05, 600), st.floats(0.1, 1e4), st.floats(0.1, 1e4), st.floats(0.01, 1e4))
def test_any_machine_gets_a_demo_of_a_possible_size(minutes: float, making: float, seeing: float, ans: float) -> None:
    plan = full(minutes, of(making, seeing, ans))
    assert 400 <= plan.train <= 20_000 and plan.seconds == pytest.approx(60 * minutes)
    assert plan.short_of is None or plan.short_of > plan.seconds
    free = full(None, of(making, seeing, ans))
    assert 300 <= (free.seconds or 0) <= 420


def test_a_little_less_than_needed_is_no_warning_and_much_less_is() -> None:
    needed = of().needed
    assert Plan(train=1, test=1, seconds=0.91 * needed, pace=of()).short_of is None
    assert Plan(train=1, test=1, seconds=0.89 * needed, pace=of()).short_of == needed
    assert QUICK.short_of is None and Plan(train=1, test=1, seconds=1.0).short_of is None


def test_the_pace_is_the_median_once_warm() -> None:
    rows = [{"examples_per_s": value} for value in (0.1, 0.2, 10.0, 30.0, 11.0)]
    assert pace._rate(rows) == 11.0


def test_trials_make_their_own_data() -> None:
    assert without_workers(micro_see()).workers == 0
    sft = without_workers(micro_sft())
    assert sft.loader.workers == 0 and sft.loader.rows == micro_sft().loader.rows


@given(st.floats(-100, 1e4), st.floats(1, 12), st.floats(1e-3, 10))
def test_questions_take_no_more_than_the_time_unless_they_would_say_nothing(
    seconds: float, cost: float, each: float
) -> None:
    count = questions_in(seconds, cost, each)
    assert count == 24 or (count > 24 and count * cost * each <= seconds * (1 + 1e-9))


# ------------------------------------------------------------------------------------------ scores


def results(*tasks: tuple[str, float, float, float]) -> Results:
    found = {}
    for title, model, frequent, shuffled in tasks:
        values = {"model": model, "frequent": frequent, "shuffled": shuffled}
        columns = {name: Column({"f1": Estimate(v, v, v), "more": Estimate(0, 0, 0)}) for name, v in values.items()}
        found[title] = TaskResult(
            name=title, title=title, headline="f1", questions=9, examples=9, columns=columns, constant="", rows=[]
        )
    return Results(found)


NEW = results(("Counting", 0.6, 0.4, 0.2), ("Pointing", 0.5, 0.1, 0.4), ("Captions", 0.4, 0.1, 0.1))
BOTH = Comparison(NEW, results(("Counting", 0.9, 0.4, 0.2)), "nano")


def test_above_is_above_the_better_of_both_controls() -> None:
    assert BOTH.above("new") == ["Counting", "Captions"]
    assert BOTH.above("finished") == ["Counting"]


def test_a_task_that_only_one_model_has_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, _ = BOTH.rows()
    assert [cell and cell.mean for cell in first["cells"]] == [0.6, 0.2, 0.9, 0.2, 0.4]
    assert [cell and cell.mean for cell in second["cells"]] == [0.5, 0.4, None, None, 0.1]
    assert len(BOTH.rows(every_metric=True)) == 6
    BOTH.print()
    shown = capsys.readouterr().out
    assert "Counting (f1)" in shown and "0.900" in shown and "-" in shown and "nano" in shown


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (QUICK, "It was a quick run: the numbers mean nothing."),
        (Plan(train=1, test=1, seconds=300.0), "It has not learnt to look yet: --minutes 10 gives it twice the time."),
        (Plan(train=1, test=1, seconds=60.0, pace=of()), "1 minutes of training are too short here"),
    ],
)
def test_words_on_scores_depend_on_the_time(plan: Plan, said: str) -> None:
    words = BOTH.words(plan)
    assert words.startswith(f"The model trained just now stands {CLEARLY} or more above both of its controls on 2 of 3")
    assert said in words and ": counting, captions." in words


def test_a_model_that_has_learnt_is_not_told_to_go_on() -> None:
    good = Comparison(results(*((name, 0.9, 0.1, 0.2) for name in "abc")), NEW, "x")
    assert good.words(Plan(train=1, test=1, seconds=300.0)).endswith("on 3 of 3 tasks: a, b, c.")
    nothing = Comparison(results(("a", 0.1, 0.1, 0.1)), NEW, "x")
    assert "on 0 of 1 tasks. It has not" in nothing.words(Plan(train=1, test=1, seconds=300.0))


def test_long_replies_are_cut_between_words() -> None:
    short = scores._short("word " * 200)
    assert short.endswith("word …") and len(short) <= 424
    assert scores._short(' <point x="1.0" y="2.0" alt="a">a star</point> ') == "a star"


# ------------------------------------------------------------------------------- curves, calls, cards


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=400))
def test_a_running_mean_stays_within_the_curve(values: list[float]) -> None:
    means = _running_mean(np.array(values))
    assert len(means) == len(values) and math.isclose(means[0], values[0], rel_tol=1e-6, abs_tol=1e-6)
    assert min(values) - 1e-9 <= means.min() and means.max() <= max(values) + 1e-6


def test_a_curve_says_what_it_is_and_draws_few_points() -> None:
    made = str(curve([float(i) for i in range(5000)], label='<loss> & "more"', colour="b"))
    assert 'class="line-b"' in made and "<loss>" not in made and "&lt;loss&gt; &amp;" in made
    assert made.count(",") < 600
    assert ">5,000</text>" in made


@pytest.mark.parametrize("words", [("point", "a b.png", "it's"), ("caption", 'x"y', "$HOME;", "é")])
def test_calls_come_back_from_a_shell(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/python"])
    assert shlex.split(calls.call(*words)) == ["openmolmo", *words]


def test_a_call_has_its_path_where_the_shell_would_not_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls.shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin" / "openmolmo")])
    monkeypatch.chdir(tmp_path)
    assert calls.call("doctor") == "bin/openmolmo doctor"
    monkeypatch.chdir("/")
    monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "other")
    assert calls.call("doctor") == f"{tmp_path}/bin/openmolmo doctor"


def test_facts_of_a_stage_use_its_last_hundred_losses(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"name": "toy"}')
    rows = [
        {"step": step, "loss": 9.0 if step <= 50 else 2.0, "examples": 4 * step, "seconds": 36.0, "tokens_per_s": 10}
        for step in range(1, 151)
    ]
    log = tmp_path / "metrics.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 151, "lo')  # cut by a crash
    facts = stage_facts(tmp_path)
    assert (facts["loss"], facts["steps"], facts["examples"]) == (2.0, 150, 600)
    assert facts["hours"] == pytest.approx(1.5) and facts["tokens"] == 54_000
    log.write_text("")
    with pytest.raises(CheckpointError, match="has no training metrics"):
        stage_facts(tmp_path)
