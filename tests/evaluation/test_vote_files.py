"""Votes and metrics as commands: odd files, intervals, what is printed and what a script can test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.evaluation.arena.bradley_terry import fit
from openmolmo.evaluation.arena.commands import arena
from openmolmo.evaluation.arena.votes import count_votes, read_votes
from openmolmo.evaluation.metric_commands import metrics
from openmolmo.evaluation.metric_file import compare, score_file

Vote = tuple[str, str, str]


def counted(votes: list[Vote]):
    return count_votes({"model_a": a, "model_b": b, "winner": w} for a, b, w in votes)


def as_jsonl(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b"])
def test_a_sign_that_only_looks_like_the_end_of_a_line_is_text(tmp_path: Path, sign: str) -> None:
    row = {"model_a": "a", "model_b": "b", "winner": "tie", "said": f"one{sign}two"}
    assert read_votes(as_jsonl(tmp_path / "v.jsonl", [row, row])).total == 2
    (tmp_path / "v.csv").write_text(f"model_a,model_b,winner,said\na,b,tie,one{sign}two\n", encoding="utf-8")
    assert read_votes(tmp_path / "v.csv").total == 1


def test_a_spreadsheets_mark_quotes_and_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_bytes('\ufeffmodel_a,model_b,winner,said\r\n"a, b",c,model_a,"two\r\nlines"\r\n'.encode())
    assert read_votes(path).models == ("a, b", "c")


@pytest.mark.parametrize(
    ("line", "said"), [("[1]", "is no JSON object"), ("{", "is no JSON"), ("{}", "has no model_a")]
)
def test_a_bad_line_is_named_and_takes_no_other_vote_with_it(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "v.jsonl"
    path.write_text('\n{"model_a": "a", "model_b": "b", "winner": "tie"}\n' + line)
    read = read_votes(path)
    assert read.total == 1
    [(what, count)] = read.left_out.items()
    assert count == 1 and "first in row 3" in what and said in what
    path.write_text("\n\n" + line)
    with pytest.raises(DataError, match=said) as caught:
        read_votes(path)
    assert caught.value.row == 3


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        read_votes(tmp_path / "v.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_votes(tmp_path)


# ----------------------------------------------------------------------------------------- ratings


def test_all_ties_are_equal_and_the_order_of_names_is_nothing() -> None:
    found = fit(counted([("a", "b", "tie"), ("b", "c", "tie (bothbad)"), ("c", "a", "tie")]), rounds=5)
    assert list(found.ratings.values()) == pytest.approx([1000.0] * 3)
    assert set(found.ranks.values()) == {1} and not found.diverges


def test_intervals_narrow_with_votes_and_hold_the_rating() -> None:
    few = [("a", "b", "model_a")] * 6 + [("a", "b", "model_b")] * 4
    widths = []
    for times in (1, 25):
        found = fit(counted(few * times), rounds=60)
        for bounds in (found.bootstrap["a"], found.sandwich["a"]):
            assert bounds[0] < found.ratings["a"] < bounds[1]
        widths.append(found.sandwich["a"][1] - found.sandwich["a"][0])
    assert widths[0] / widths[1] == pytest.approx(5.0, rel=1e-3)  # the root of 25


def test_a_model_that_is_surely_worse_ranks_second() -> None:
    found = fit(counted([("a", "b", "model_a")] * 300 + [("a", "b", "model_b")] * 100), rounds=50)
    assert found.ranks == {"a": 1, "b": 2}


def test_the_same_seed_draws_the_same_intervals() -> None:
    votes = counted([("a", "b", "model_a")] * 7 + [("a", "b", "model_b")] * 5)
    assert fit(votes, rounds=20, seed=1).bootstrap == fit(votes, rounds=20, seed=1).bootstrap
    assert fit(votes, rounds=20, seed=1).bootstrap != fit(votes, rounds=20, seed=2).bootstrap


def test_an_anchor_without_votes_is_named() -> None:
    with pytest.raises(ConfigError, match=r"the anchor 'z' has no vote\n.*a, b"):
        fit(counted([("a", "b", "tie")]), anchor=("z", 1000.0))


one_vote = st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.sampled_from(["model_a", "model_b", "tie"]))


@settings(max_examples=25, deadline=None)
@given(st.lists(one_vote, min_size=1, max_size=25))
def test_any_votes_have_finite_ratings_that_average_1000(drawn: list[Vote]) -> None:
    votes = counted(drawn)
    if votes.total:
        ratings = list(fit(votes, rounds=1).ratings.values())
        assert sum(ratings) / len(ratings) == pytest.approx(1000.0)
        flipped = counted([(b, a, {"model_a": "model_b", "model_b": "model_a"}.get(w, w)) for a, b, w in drawn])
        again = fit(flipped, rounds=1).ratings  # who stands on which side is nothing
        assert {m: pytest.approx(r, abs=0.01) for m, r in zip(votes.models, ratings, strict=True)} == again


@pytest.fixture
def votes_file(tmp_path: Path) -> Path:
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,winner\n" + "nano,micro,model_a\n" * 3 + "nano,micro,model_b\nnano,micro,hm\n")
    return path


def test_the_table_says_what_was_left_out(votes_file: Path) -> None:
    ended = CliRunner().invoke(arena, ["fit", str(votes_file), "--anchor", "micro=500", "--rounds", "5"])
    assert ended.exit_code == 0
    assert "4 votes" in ended.output and "500.0" in ended.output and "690.8" in ended.output
    assert "left out: 1 votes 'hm'" in ended.stderr


@pytest.mark.parametrize("anchor", ["micro", "micro=", "micro=high", "micro=nan", "micro=inf"])
def test_an_anchor_that_fixes_nothing_is_refused(votes_file: Path, anchor: str) -> None:
    ended = CliRunner().invoke(arena, ["fit", str(votes_file), "--anchor", anchor])
    assert ended.exit_code == 2 and repr(anchor) in ended.output and "nan " not in ended.stdout


def test_a_name_with_an_equals_sign_can_be_anchored(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path / "v.jsonl", [{"model_a": "x=1", "model_b": "y", "winner": "tie"}])
    ended = CliRunner().invoke(arena, ["fit", str(path), "--anchor", "x=1=1200", "--rounds", "1", "--json"])
    assert json.loads(ended.stdout)["ratings"] == {"x=1": 1200.0, "y": pytest.approx(1200.0)}


# ------------------------------------------------------------------------------- openmolmo metrics

RIGHT = {"metric": "vqa_eval/em", "id": "r1", "prediction": "Yes", "references": ["yes"], "expected": 1.0}


def run_metrics(path: Path, *options: str):
    return CliRunner().invoke(metrics, [str(path), *options])


def test_rows_that_agree_end_with_0(tmp_path: Path) -> None:
    ended = run_metrics(as_jsonl(tmp_path / "a.jsonl", [RIGHT, {**RIGHT, "prediction": "no", "expected": 0.0}]))
    assert ended.exit_code == 0 and "Profile released" in ended.stdout and "0.5000" in ended.stdout


def test_a_row_that_differs_is_shown_and_ends_with_1(tmp_path: Path) -> None:
    ended = run_metrics(as_jsonl(tmp_path / "a.jsonl", [RIGHT, {**RIGHT, "id": "é2", "prediction": "[b]Ja[/b]"}]))
    assert ended.exit_code == 1
    [report] = score_file(tmp_path / "a.jsonl", "released")
    assert [(one.row, one.id, one.value, one.expected) for one in report.differing] == [(2, "é2", 0.0, 1.0)]
    assert report.mean == 0.5 and not report.ok


def test_a_row_that_cannot_be_scored_takes_no_other_with_it(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path / "a.jsonl", [{"metric": "vqa_eval/em", "prediction": "x"}, RIGHT])
    ended = run_metrics(path, "--json")
    assert ended.exit_code == 1
    [report] = json.loads(ended.stdout)
    assert (report["rows"], report["equal"], len(report["unscored"]), report["ok"]) == (2, 1, 1, False)
    assert report["unscored"][0].startswith("row 1: ")


def test_the_official_profile_compares_nothing(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path / "a.jsonl", [{**RIGHT, "expected": 0.0}])
    ended = run_metrics(path, "--profile", "official", "--json")
    assert ended.exit_code == 0 and json.loads(ended.stdout)[0]["scored"] == 1


@pytest.mark.parametrize(("text", "said"), [("{", "is no JSON"), ("[]", "is a list, not an object")])
def test_a_line_that_is_no_row_is_named_and_takes_no_other_with_it(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(RIGHT) + "\n\n" + text)
    ended = run_metrics(path)
    assert ended.exit_code == 1 and f"row 3: {said}" in ended.output
    assert [report.equal for report in score_file(path, "released")] == [1, 0]
    path.write_text("\n")
    with pytest.raises(DataError, match="has no row"):
        score_file(path, "released")


def test_places_of_options_have_no_mean(tmp_path: Path) -> None:
    row = {"metric": "mc_letter", "prediction": "C", "metadata": {"option_names": ["A", "B", "C"]}, "expected": 2}
    [report] = score_file(as_jsonl(tmp_path / "a.jsonl", [row]), "released")
    assert (report.equal, report.mean) == (1, None)


@pytest.mark.parametrize(
    ("value", "expected", "same"),
    [
        (1.0, 1, True),
        (0.500001, 0.5, True),
        (0.50001, 0.5, False),
        (66.6667, 66.66665, True),
        (66.667, 66.66665, False),
        ({"a": 1, "more": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "more": 2}, False),
        ([1, 2], [1, 2, 3], False),
        ([[1.0]], [[1]], True),
        (True, 1, True),
        (None, 0, False),
        ("x", "x", True),
        (1, "1", False),
    ],
)
def test_values_are_compared_within_the_decimals_of_files(value, expected, same: bool) -> None:
    assert compare(value, expected) is same
