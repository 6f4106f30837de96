"""Two result files compared: what is real, what is noise, what changed, and what makes them incomparable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.evaluation.comparing.commands import compare as compare_command
from openmolmo.evaluation.comparing.commands import power
from openmolmo.evaluation.comparing.paired import compare
from openmolmo.evaluation.comparing.power import independent_share, least_difference, least_questions
from openmolmo.evaluation.comparing.result_file import read_result_file

META = {"model": "a", "max_new_tokens": 64, "crops": 12, "profile": "released", "date": "today"}


def rows(scores: list[float], **other: Any) -> list[dict[str, Any]]:
    return [
        {"id": f"p{i // 2}/{i}", "question": f"q{i}", "reference": "yes", "group": f"g{i % 2}",
         "reply": {"text": f"r{score}"}, "scores": {"accuracy": score}, **other}
        for i, score in enumerate(scores)
    ]  # fmt: skip


def write(path: Path, scores: list[float], meta: dict[str, Any] | None = None, **other: Any) -> Path:
    values = {
        "meta": {**META, **(meta or {})},
        "tasks": {"t": {"headline": "accuracy"}},
        "rows": {"t": rows(scores, **other)},
    }
    path.write_text(json.dumps(values))
    return path


def test_a_difference_that_is_there_is_found_and_one_that_is_not_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first = (rng.random(600) < 0.6).astype(float)
    better = np.where(rng.random(600) < 0.3, 1.0, first)  # a third of the wrong ones are mended
    again = np.where(rng.random(600) < 0.2, rng.permutation(first), first)
    one = read_result_file(write(tmp_path / "a.json", first.tolist()))
    real = compare(one, read_result_file(write(tmp_path / "b.json", better.tolist(), {"model": "b"})))
    found = real.tasks["t"].metrics["accuracy"]
    assert (
        found.low > 0
        and found.p is not None
        and found.least is not None
        and found.p < 0.01
        and found.low < found.difference < found.high
    )
    assert found.difference == pytest.approx(better.mean() - first.mean())
    assert found.pictures == 300 and found.questions == 600 and found.least < found.difference
    mcnemar = real.tasks["t"].mcnemar
    assert mcnemar is not None and mcnemar.only_first == 0 and mcnemar.p < 1e-6
    assert len(real.tasks["t"].changed) == mcnemar.only_second
    groups = real.tasks["t"].groups
    assert list(groups) == ["g0", "g1"] and sum(g.questions for g in groups.values()) == 600
    noise = compare(one, read_result_file(write(tmp_path / "c.json", again.tolist(), {"model": "c"})))
    nothing = noise.tasks["t"].metrics["accuracy"]
    assert nothing.low < 0 < nothing.high and nothing.p is not None and nothing.p > 0.05 and not noise.warnings


def test_the_interval_holds_the_truth_as_often_as_it_says(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for number in range(40):
        base = rng.random(120)  # a question is hard for both models, or easy for both
        a, b = ((rng.random(120) < np.clip(base + gain, 0, 1)).astype(float).tolist() for gain in (0, 0.05))
        truth = float(np.mean(np.clip(base + 0.05, 0, 1) - base))
        pair = [read_result_file(write(tmp_path / f"{name}{number}.json", s)) for name, s in (("a", a), ("b", b))]
        found = compare(*pair, rounds=300).tasks["t"].metrics["accuracy"]
        held += found.low <= truth <= found.high
    assert 33 <= held <= 40


def test_other_settings_and_other_questions_are_said(tmp_path: Path) -> None:
    one = write(tmp_path / "a.json", [1, 0, 1, 0])
    by_task = {"t": {"max_crops": 36}, "of no concern": {"max_crops": 1}}
    other = {"crops": 36, "profile": "official", "model": "b", "data": {"seed": 3}, "benchmarks": by_task}
    two = write(tmp_path / "b.json", [1, 1, 1, 0, 1, 1], other)
    changed = json.loads(two.read_text())
    changed["rows"]["t"][0]["question"] = "something else"
    changed["rows"]["t"][1]["scores"]["accuracy"] = float("nan")
    two.write_text(json.dumps(changed))
    found = compare(read_result_file(one), read_result_file(two), rounds=100)
    said = "\n".join(found.warnings)
    for part in ("crops is 12 in the first, 36 in the second", "profile is 'released'", "data.seed is 3 in the second",
                 "1 rows of the second file have no score that is a number", "2 in the second only",
                 "1 questions of the same id have another text"):  # fmt: skip
        assert part in said, part
    assert "benchmarks.t.max_crops is 36 in the second" in said and "of no concern" not in said
    assert found.tasks["t"].metrics["accuracy"].questions == 2


def test_partial_scores_have_no_mcnemar_and_lines_of_anybody_are_read(tmp_path: Path) -> None:
    lines = tmp_path / "mine.jsonl"
    body = [{"meta": {**META, "model": "mine"}}]
    body += [{"task": "t", **row} for row in rows([0.5, 0.25, 1.0, 0.0])]
    lines.write_text("".join(json.dumps(row) + "\n" for row in body))
    found = compare(read_result_file(write(tmp_path / "a.json", [1, 0, 1, 0])), read_result_file(lines), rounds=100)
    assert found.tasks["t"].mcnemar is None and found.second == "mine"
    assert found.tasks["t"].metrics["accuracy"].p is None  # two pictures are too few
    same = read_result_file(lines)
    assert compare(same, same, rounds=100).first == f"mine ({lines})"
    assert [case.scores for case in found.tasks["t"].changed] == [(1.0, 0.5), (0.0, 0.25)]


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is no JSON"), ("[]", "has no rows by task"), ('{"rows": {"t": [{}]}}', "row 0 of t has no id"),
     ('{"rows": {"t": []}}', "no row of it has a score")],
)  # fmt: skip
def test_broken_result_files_are_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=said):
        read_result_file(tmp_path / "x.json")
    with pytest.raises(DataError, match=r"has no results\.json"):
        read_result_file(tmp_path)


def test_files_without_a_common_question_and_tasks_of_neither_are_errors(tmp_path: Path) -> None:
    one = read_result_file(write(tmp_path / "a.json", [1, 0]))
    other = json.loads((tmp_path / "a.json").read_text())
    other["rows"]["t"] = [{**row, "id": f"other {row['id']}"} for row in other["rows"]["t"]]
    (tmp_path / "b.json").write_text(json.dumps(other))
    with pytest.raises(DataError, match="no question in common"):
        compare(one, read_result_file(tmp_path / "b.json"))
    with pytest.raises(ConfigError, match="'u' is not in both"):
        compare(one, one, tasks=["u"])


def test_the_least_difference_is_what_simulated_pairs_show() -> None:
    questions, differing = 500, 0.2
    least = least_difference(questions, differing)
    assert least_questions(least, differing) == pytest.approx(questions, abs=1)
    rng = np.random.default_rng(2)
    chances = [(differing + least) / 2, (differing - least) / 2, 1 - differing]
    better, worse, _ = rng.multinomial(questions, chances, size=4000).T
    z = (better - worse) / np.sqrt(better + worse)
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.8, abs=0.03)
    assert least_difference(questions, independent_share(0.7)) == pytest.approx(0.081, abs=0.001)
    with pytest.raises(ConfigError, match="cannot differ more"):
        least_questions(0.3, 0.2)


def test_the_commands_print_tables_and_json(tmp_path: Path) -> None:
    one, two = (
        write(tmp_path / "a.json", [1, 0, 1, 0] * 10),
        write(tmp_path / "b.json", [1, 1, 1, 0] * 10, {"crops": 6}),
    )
    shown = CliRunner().invoke(compare_command, [str(one), str(two)])
    assert shown.exit_code == 0 and "+0.250" in shown.output and "10 questions better, 0 worse" in shown.output
    assert "'r0' -> 'r1'" in shown.output and "crops is 12" in shown.stderr
    values = json.loads(CliRunner().invoke(compare_command, [str(one), str(two), "--json"]).stdout)
    assert len(values["tasks"]["t"]["changed"]) == 10
    table = CliRunner().invoke(power, ["500", "--difference", "0.02"])
    assert table.exit_code == 0 and "0.056" in table.output and "0.081" in table.output
