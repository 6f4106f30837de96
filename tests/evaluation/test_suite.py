"""Suites end to end: every answer kept, nothing asked twice, the same files after a kill, and everything said."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from benchmark_cases import FIXTURES, PLACES
from hypothesis import given, settings
from hypothesis import strategies as st
from suite_toys import Killed, Knower, Server, files_of, judge_small, running

from openmolmo.core.errors import ConfigError, DataError, RunError
from openmolmo.evaluation.benchmarks.base import BENCHMARKS
from openmolmo.evaluation.captions import scene_judge
from openmolmo.evaluation.suite.journal import Journal, Said
from openmolmo.evaluation.suite.models.replies import RepliesModel
from openmolmo.evaluation.suite.models.server import ServerModel
from openmolmo.evaluation.suite.run import choose
from openmolmo.evaluation.suite.tables import print_suite


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_killed_run_goes_on_with_the_same_files_and_asks_nothing_twice(tmp_path: Path) -> None:
    whole = Knower()
    outcome = judge_small(tmp_path / "whole", whole)
    assert [one.task.score for one in outcome.judged] == [1.0, 1.0, 1.0]
    assert {one.benchmark.name: "shuffled" in one.task.columns for one in outcome.judged}["text_vqa"]

    broken = Knower(breaks=5)
    with pytest.raises(Killed):
        judge_small(tmp_path / "killed", broken)
    answers = tmp_path / "killed/answers.jsonl"
    with answers.open("ab") as stream:
        stream.write(b'{"answers": [{"id": "text_vqa/0000')  # cut in the middle of a line
    rest = Knower()
    judge_small(tmp_path / "killed", rest, resume=True)
    assert sorted(broken.asked + rest.asked) == sorted(whole.asked) and rest.asked
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")
    assert len(lines(answers)) == len(lines(tmp_path / "whole/answers.jsonl"))  # the same batches

    again = Knower()
    with Journal(tmp_path / "killed"), pytest.raises(RunError, match="another run is writing"):
        judge_small(tmp_path / "killed", again, resume=True)
    judge_small(tmp_path / "killed", again, resume=True, profile="released")
    assert again.asked == [] and files_of(tmp_path / "killed") == files_of(tmp_path / "whole")
    with pytest.raises(RunError, match="earlier run"):
        judge_small(tmp_path / "whole", Knower())
    judge_small(tmp_path / "whole", again, resume=True, profile="official")  # other rules, the same answers
    assert again.asked == []


@pytest.mark.parametrize(
    ("changes", "model", "said"),
    [
        ({"changes": ("text_vqa.max_crops=12",)}, Knower(), r"benchmarks\.text_vqa\.max_crops=36, now it is 12"),
        ({"limit": 1}, Knower(), r"limit=nothing, now it is 1"),
        ({}, Knower(about="another"), r'model\.model="knower", now it is "another"'),
    ],
)
def test_another_setting_is_refused_with_both_values(tmp_path: Path, changes: dict, model: Knower, said: str) -> None:
    with pytest.raises(Killed):
        judge_small(tmp_path, Knower(breaks=2), names="text_vqa")
    with pytest.raises(ConfigError, match=said):
        judge_small(tmp_path, model, names="text_vqa", resume=True, **changes)
    assert model.asked == []


def test_what_could_not_be_counted_is_said_and_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nan(question, reply, profile):
        return {"accuracy": math.nan if question.id == "000000" else 1.0}

    odd = type(BENCHMARKS.get("science_qa"))(
        **{**vars(BENCHMARKS.get("science_qa")), "name": "odd", "title": "Odd", "score": nan, "suites": ()}
    )
    monkeypatch.setitem(BENCHMARKS._local, "odd", odd)
    names = "odd,doc_vqa,vqa2:test,chart_qa,dvqa_like,pixmo_count"
    monkeypatch.setitem(
        BENCHMARKS._local,
        "dvqa_like",
        type(odd)(**{**vars(odd), "name": "dvqa_like", "source": "dvqa", "splits": {"train": None}}),
    )
    model = Knower(damaged=["chart_qa/000001"])
    outcome = judge_small(tmp_path, model, names=names)
    notes = {one.benchmark.name: " / ".join(one.notes) for one in outcome.judged}
    assert "left out: 1 answer to which the metric gave no number" in notes["odd"]
    assert "counted as wrong: 2 questions too long for the model's context" in notes["doc_vqa"]
    assert "the answers to 3 questions are with the benchmark's server" in notes["vqa2"]
    assert "left out, as in the published code: 1 question whose picture cannot be read" in notes["chart_qa"]
    assert "left out: 1 row whose picture was never fetched" in notes["pixmo_count"]
    assert list(outcome.not_judged) == ["dvqa_like"] and "does not exist" in outcome.not_judged["dvqa_like"]
    tasks = {one.benchmark.name: one.task for one in outcome.judged}
    assert (tasks["chart_qa"].questions, tasks["chart_qa"].score, tasks["doc_vqa"].score, tasks["vqa2"]) == (
        2,
        1,
        0,
        None,
    )

    official = judge_small(tmp_path, model, names=names, resume=True, profile="official")
    tasks = {one.benchmark.name: one.task for one in official.judged}
    assert (tasks["chart_qa"].questions, round(tasks["chart_qa"].score, 3)) == (3, 0.667)  # every question counts

    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    average = results["suite"]["average"]
    assert not average["complete"] and average["of"] == ["chart_qa", "doc_vqa", "pixmo_count"]
    assert math.isclose(average["value"], (0 + 2 / 3 + 1) / 3)
    assert results["suite"]["benchmarks"]["doc_vqa"]["counts"]["too_long"] == 2
    assert json.loads((tmp_path / "submissions/vqa2-test.json").read_text())[0]["question_id"] == 90

    print_suite(official.judged, official.meta, official.not_judged)
    printed = capsys.readouterr().out
    assert "dvqa_like is not judged" in printed and "* not over all questions" in printed and "Molmo-72B" in printed


@settings(max_examples=25)
@given(
    st.lists(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=6)), min_size=1, max_size=3), max_size=4),
    st.integers(min_value=0),
)
def test_a_journal_cut_anywhere_keeps_its_whole_lines(batches: list[list[tuple[str, str]]], cut: int) -> None:
    with TemporaryDirectory() as folder:
        with Journal(Path(folder)) as journal:
            for batch in batches:
                journal.add([(name, Said(text)) for name, text in batch])
        content = journal.path.read_bytes()
        kept = content[: cut % (len(content) + 1)]
        journal.path.write_bytes(kept)
        expected: dict[str, str] = {}
        for batch in batches[: kept.count(b"\n")]:
            expected |= {name: Said(text).text for name, text in batch}
        with Journal(Path(folder)) as again:
            assert {name: said.text for name, said in again.answers.items()} == expected
            again.add([("last", Said("one"))])
        assert len(lines(journal.path)) == kept.count(b"\n") + 1


def test_the_page_has_every_case_with_what_it_is_filtered_by(tmp_path: Path) -> None:
    judge_small(tmp_path, Knower(), names="points_eval,chart_qa")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    cases = re.findall(r'data-benchmark="(\w+)" data-verdict="(\w+)" data-group="([\w ]+)"', page)
    assert cases == [("points_eval", "right", "1 point"), ("chart_qa", "right", "human")]
    assert page.count("data:image/jpeg;base64,") == 2 and "Molmo-7B-D" in page and "GPT-4V" in page
    assert not re.search(r'(?:src|href)="https?:', page)


def test_replies_of_a_file_and_those_to_other_questions(tmp_path: Path) -> None:
    judge_small(tmp_path / "first", Knower(), names="text_vqa,chart_qa")
    predictions = tmp_path / "first/predictions"
    again = judge_small(tmp_path / "again", RepliesModel(predictions), names="text_vqa,chart_qa")
    assert [one.task.score for one in again.judged] == [1.0, 1.0]
    assert all("shuffled" not in one.task.columns for one in again.judged)  # a file cannot look

    rows = lines(predictions / "text_vqa.jsonl")
    rows[0]["question"] = "Something else?"
    rows[1]["id"] = "999999"
    file = tmp_path / "replies.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    outcome = judge_small(tmp_path / "other", RepliesModel(file), names="text_vqa")
    (judged,) = outcome.judged
    assert judged.task.questions == 1 and judged.counts.unanswered == 2 and not judged.complete
    assert "left out: 1 answer to questions that the benchmark does not have" in judged.notes
    assert any("another question" in why for why in outcome.asking.trouble.unanswered.values())

    for content, said in (
        (json.dumps({**rows[0], "id": "nothing"}), "none of the 1 replies"),
        ('{"id": "000001", "text": "stop"}', "benchmark is missing"),
        ("stop\n", "is no line of replies"),
        (json.dumps(rows[0]) + "\n" + json.dumps({**rows[0], "text": "b"}), "two replies"),
    ):
        file.write_text(content)
        with pytest.raises(DataError, match=said):
            judge_small(tmp_path / "none", RepliesModel(file), names="text_vqa")


def test_a_server_is_sent_pictures_is_patient_and_is_asked_again_only_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with running(Server(busy=3, broken="Which word?")) as server:

        def model(**options) -> ServerModel:
            return ServerModel("m", base_url=server.address, retries=4, at_once=2, **options)

        outcome = judge_small(tmp_path, model(), names="text_vqa,ai2d", shuffled=0)
        assert outcome.unanswered == 1 and "InternalServerError" in next(
            iter(outcome.asking.trouble.unanswered.values())
        )
        assert len(server.requests) == 6
        content = server.requests[0]["messages"][0]["content"]
        assert [part["type"] for part in content] == ["image_url", "text"]
        assert content[0]["image_url"]["url"].startswith("data:image/png;base64,")
        assert content[1]["text"].endswith("Answer the question using a single word or phrase.")
        assert (server.requests[0]["temperature"], server.requests[0]["max_tokens"]) == (0, 12)

        server.broken = None
        outcome = judge_small(tmp_path, model(), names="text_vqa,ai2d", shuffled=0, resume=True)
        assert len(server.requests) == 7 and outcome.unanswered == 0
        with pytest.raises(ConfigError, match=r'model\.prompt="instructions", now it is "tags"'):
            judge_small(tmp_path, model(prompted="tags"), names="text_vqa,ai2d", shuffled=0, resume=True)
    with pytest.raises(ConfigError, match="base-url"):
        ServerModel("m", base_url=None)


@pytest.mark.slow
def test_every_benchmark_is_asked_of_a_server(tmp_path: Path) -> None:
    with running(Server(busy=5)) as server:
        model = ServerModel("m", base_url=server.address)
        outcome = judge_small(tmp_path, model, names="all", judge="scenes")
        assert len(outcome.judged) == 23 and not outcome.not_judged and outcome.unanswered == 0
        asked = len(server.requests)
        first = files_of(tmp_path)
        judge_small(tmp_path, ServerModel("m", base_url=server.address), names="all", resume=True, judge="scenes")
        assert len(server.requests) == asked and files_of(tmp_path) == first


def says_so(prompt: str) -> str:
    """The judge of scenes, but for one caption, on which it fails."""
    if "blue star" in prompt and "TASK: SUPPORT" in prompt:
        raise RunError("the judge is lost for words")
    return scene_judge.ask(prompt)


def is_down(prompt: str) -> str:
    raise RunError("nobody answers at this address")


def test_captions_are_judged_where_there_is_a_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one they are not, and it is said; a caption that it fails on takes no other with it; a judge that is
    down is told before the model is asked."""
    with pytest.raises(ConfigError, match="judged by a language model"):
        judge_small(tmp_path / "none", Knower(), names="caption_f1")
    outcome = judge_small(tmp_path / "mixed", Knower(), names="caption_f1,text_vqa")
    assert [one.benchmark.name for one in outcome.judged] == ["text_vqa"]
    assert "--judge openai" in outcome.not_judged["caption_f1"]
    (whole,) = judge_small(tmp_path / "whole", Knower(), names="caption_f1", judge="scenes").judged
    assert whole.task is not None and whole.counts.found == 3
    assert whole.task.score == pytest.approx((1 + 0.8 + 1) / 3) and whole.summary["f1_of_means"] == pytest.approx(
        16 / 17
    )
    assert whole.task.columns["frequent"].estimates["f1"].mean < 0.5
    assert any("judged by scenes, deterministic" in note for note in whole.notes)
    assert (tmp_path / "whole" / "judge.jsonl").exists()
    monkeypatch.syspath_prepend(Path(__file__).parent)
    (partly,) = judge_small(tmp_path / "partly", Knower(), names="caption_f1", judge="test_suite:says_so").judged
    assert partly.counts.unscored == 1 and partly.task is not None and partly.task.score == 1.0
    model = Knower()
    with pytest.raises(RunError, match="nobody answers"):
        judge_small(tmp_path / "down", model, names="caption_f1", judge="test_suite:is_down")
    assert not model.asked


def test_names_splits_and_changes(tmp_path: Path) -> None:
    chosen = {
        benchmark.name: (split, settings) for benchmark, split, settings in choose("skills,vqa2:test", ["max_crops=9"])
    }
    assert chosen["vqa2"][0] == "test" and {settings.max_crops for _, settings in chosen.values()} == {9}
    assert len(choose("all")) == 23 and len(choose("academic11")) == 11
    for names, changes, said in (
        ("", [], "no benchmark"),
        ("vqa2:train", [], "no split"),
        ("vqa2,vqa2:test", [], "two splits"),
        ("vqa2", ["mmmu.pictures=all"], "changes nothing"),
        ("vqa2", ["pictures=some"], "pictures"),
    ):
        with pytest.raises(ConfigError, match=said):
            choose(names, changes)
    with pytest.raises(RunError, match="none of the 2 benchmarks"):
        judge_small(tmp_path, Knower(), places=type(PLACES)(data=FIXTURES), names="vqa2,mmmu")
