"""The gate between backends, with backends that say what a test wants: comparison, figures, thresholds, reports."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from parity_toys import A, B, Saying, asked, opener, picture, point, question

from openmolmo.cli import main
from openmolmo.core.errors import ConfigError, ImageError, RunError
from openmolmo.inference.request_file import Asked
from openmolmo.serving.parity import commands
from openmolmo.serving.parity.asked import drawn, of_pictures, requests_of
from openmolmo.serving.parity.backends.address import read_address
from openmolmo.serving.parity.backends.base import Reply
from openmolmo.serving.parity.compare import Gap, compare
from openmolmo.serving.parity.report import rows_of, to_json, write_report
from openmolmo.serving.parity.run import run
from openmolmo.serving.parity.verdict import Gate
from openmolmo.words.requests import Request


def test_the_first_difference_with_both_gaps() -> None:
    end = 9
    a = Reply(text="ab", ids=(1, 2, end), tops=({1: -0.1}, {2: -0.5, 3: -0.75}, {end: -0.1}))
    b = Reply(text="acd", ids=(1, 3, 4, end), tops=({1: -0.1}, {3: -0.25, 7: -3.25}, {4: -0.1}, {end: -0.1}))
    pair = compare(question(), a, b, 5.0, spell=lambda token: f"<{token}>")
    assert (pair.unit, pair.agreed, pair.length, pair.same) == ("tokens", 1, 4, False)
    first = pair.first
    assert first is not None and (first.place, first.a, first.b) == (1, "<2>", "<3>")
    assert first.gap_a == Gap(0.25, True) and first.gap_b == Gap(3.0, False)  # 2 is none of the likeliest of b
    assert (str(first.gap_a), str(first.gap_b)) == ("0.25", "> 3")
    same = compare(question(), a, a, 5.0)
    assert same.same and (same.agreed, same.length) == (3, 3)


def test_words_where_tokens_are_not_known_and_an_end_is_one() -> None:
    whole, cut = Reply(text="Two red stars."), Reply(text="Two red stars.", finished=False)
    assert compare(question(), whole, whole, 5.0).same
    pair = compare(question(), whole, cut, 5.0)
    assert pair.unit == "words" and pair.first is not None
    assert (pair.first.a, pair.first.b, pair.agreed, pair.length) == ("(end)", "(nothing)", 4, 5)
    assert pair.first.gap_a is None


def test_points_are_matched_whatever_their_order_in_percent_of_the_width() -> None:
    a = Reply(text=point(10, 20) + point(80, 40) + point(50, 50))
    b = Reply(text=point(80, 44) + point(13, 20))
    pair = compare(question(), a, b, 2.5)
    assert sorted(pair.distances) == pytest.approx([2.0, 3.0])  # the picture is half as high as wide
    assert (pair.near, pair.most) == (1, 3)


def test_figures_thresholds_and_reports(tmp_path: Path) -> None:
    a = Saying({"one": point(10, 20), "two": "There are none.", "three": point(50, 50), "four": "Counting shows 3."})
    b = Saying({"one": point(11, 20), "two": "There are none.", "three": point(70, 50)}, dies_at="four")
    found = run(A, B, asked("one", "two", "three", "four"), Gate(), opened=opener(a, b))  # type: ignore[arg-type]
    figures = found.figures
    assert (figures.asked, figures.failures_a, figures.failures_b, figures.same) == (4, 0, 1, 1)
    assert figures.matched == 0.5 and figures.mean_distance == pytest.approx(10.5)
    assert figures.largest_distance == pytest.approx(20.0)
    assert (figures.same_counts, figures.counted, figures.seconds_a, figures.seconds_b) == (3, 3, 4.0, 3.0)
    assert [text.partition(":")[0] for text in found.misses[:2]] == ["without a reply", "points matched"]
    assert "10.50 % of the width apart" in found.misses[2]
    assert a.closed and b.closed
    loose = Gate(max_failures=1, min_matched=0.4, max_distance=20)
    assert not run(A, B, asked("one", "three"), loose, opened=opener(a, b)).misses  # type: ignore[arg-type]

    values = json.loads(json.dumps(to_json(found)))
    assert values["passed"] is False and values["pairs"][3]["b"]["error"] == "the machine is gone"
    assert values["pairs"][0]["distances"] == [pytest.approx(1.0)]
    assert values["figures"]["matched"] == 0.5 and dict(rows_of(found))["points, A / B"] == "2 / 2"
    write_report(found, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert page.count("data:image/jpeg") == 4 and "Not as near as wanted" in page
    assert "no reply: the machine is gone" in page and "http://" not in page.replace("http://127.0.0.1:9", "")


def test_one_bad_request_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_text("<html>")
    bad = Asked("bad", Request(text="one", images=(str(tmp_path / "page.png"),)), "")
    a = Saying({"one": "Yes."})
    found = run(A, B, [bad, *asked("one")], Gate(), opened=opener(a, a))  # type: ignore[arg-type]
    assert found.figures.asked == found.figures.same == 1
    assert "page.png" in found.faults["bad"].message
    with pytest.raises(ImageError, match=r"page\.png"):
        run(A, B, [bad], Gate(), opened=opener(a, a))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="nothing to ask"):
        run(A, B, [], Gate())


def test_what_is_asked(tmp_path: Path) -> None:
    made = drawn(2)
    assert [one.id for one in made][:3] == ["pointing 0", "counting 0", "short_answers 0"]
    assert made[0].request == drawn(1)[0].request  # the same pictures every time
    (tmp_path / "a.png").write_bytes(picture())
    about = of_pictures(tmp_path, ["cup", "plate"])
    assert [one.id.partition(".png ")[2] for one in about] == [
        "point cup", "count cup", "point plate", "count plate", "caption",
    ]  # fmt: skip
    (tmp_path / "r.jsonl").write_text('{"image": "a.png", "text": "What?"}\n')
    (read,) = requests_of(pictures=None, labels=(), requests=tmp_path / "r.jsonl", count=1, seed=0)
    assert read.request.text == "What?"


ADDRESSES = [
    ("nano", ("library", "nano", None, {})),
    ("m?dtype=bfloat16&device=cpu", ("library", "m", None, {"dtype": "bfloat16", "device": "cpu"})),
    ("C:/models/m", ("library", "C:/models/m", None, {})),
    ("openai:org/m@https://h:8/v1", ("openai", "org/m", "https://h:8/v1", {})),
    ("mlx:m?inputs=ours", ("mlx", "m", None, {"inputs": "ours"})),
    ("vllm-builtin:m", ("vllm-builtin", "m", None, {})),
]
WRONG = [
    ("openai:m", "names no server"),
    ("openai:@http://h", "names no server"),
    ("vllm:", "names no model"),
    ("", "names no model"),
    ("nano?speed=9", "has the option 'speed', which library does not take"),
    ("nano?dtype", "is no list of options"),
]


def test_addresses() -> None:
    for given, (kind, model, url, options) in ADDRESSES:
        found = read_address(given)
        assert (found.kind, found.model, found.url, found.options) == (kind, model, url, options)
    for given, words in WRONG:
        with pytest.raises(ConfigError, match=words):
            read_address(given)


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.jsonl").write_text('{"text": "What?"}\n')

    def ended(*words: str) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["openmolmo", "parity", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    assert commands.parity.name == "parity"
    for words, said in (
        ((A, B, "--requests", "r.jsonl", "--pictures", "."), "--pictures and --requests were both given"),
        ((A, B, "--out", "r.txt"), "is neither a page nor JSON"),
        ((A, B, "--min-matched", "2"), "min_matched=2 is no share"),
        (("nowhere", B, "--requests", "r.jsonl"), "nowhere"),
    ):
        code, _, err = ended(*words)
        assert code == 1 and said in err and "  -> " in err
    backends = opener(Saying({"": "Two."}), Saying({"": "Two."}, dies_at=""))
    monkeypatch.setattr("openmolmo.serving.parity.run.run", functools.partial(run, opened=backends))
    code, out, _ = ended(A, B, "--requests", "r.jsonl", "--out", "r.json")
    assert code == 1 and "over the threshold: without a reply: 0 of 1 questions to A, 1 to B" in out
    assert "without a reply (1): B: the machine is gone" in out
    assert json.loads(Path("r.json").read_text())["passed"] is False
    code, out, _ = ended(A, A, "--requests", "r.jsonl", "--out", "r.html")
    assert code == 0 and "r.html" in out and "the same to the end" in out


@pytest.mark.slow
def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmolmo.serving.parity.backends.server._RETRIES", 0)
    found = run(A, B, asked("one"), Gate())
    assert found.figures.failures_a == found.figures.failures_b == 1
    assert isinstance(found.pairs[0].a, RunError) and "APIConnectionError" in found.pairs[0].a.message


def test_an_outcome_that_is_missing_is_a_failure() -> None:
    a = Saying({"one": "Yes."})

    class Silent(Saying):
        def replies(self, questions: Any) -> Any:
            return iter(())

    found = run(A, B, asked("one"), Gate(), opened=opener(a, Silent({})))  # type: ignore[arg-type]
    assert isinstance(found.pairs[0].b, RunError) and found.figures.failures_b == 1
