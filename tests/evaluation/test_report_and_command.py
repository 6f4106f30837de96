"""The report, and ``openmolmo eval`` from the command line to its files."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import sys
from functools import partial
from types import SimpleNamespace

import pytest
from evaluation_toys import Oracle
from PIL import Image

from openmolmo.cli import main
from openmolmo.evaluation.held_out import from_generators
from openmolmo.evaluation.pictures import RIGHT, TRUTH, WRONG, case_picture
from openmolmo.evaluation.report import markdown_table, pick_cases, render_html, write_results
from openmolmo.evaluation.results import Row
from openmolmo.evaluation.runner import pick_questions, run
from openmolmo.evaluation.session import Setup, judge
from openmolmo.evaluation.tasks import COUNTING, POINTING, TASKS
from openmolmo.prompting import write_points
from openmolmo.records.codec import annotation_to_dict
from openmolmo.records.example import Point
from openmolmo.records.shards import write_dataset
from openmolmo.words.answer import read_answer

BOTH = (POINTING, COUNTING)


@pytest.fixture(scope="module")
def results(scenes):
    got = run(BOTH, scenes, Oracle(BOTH, scenes[:6]))  # knows half of the pictures
    got.meta.update(model="half an oracle", data="toy")
    return got


def test_the_page_stands_alone_and_shows_right_and_wrong_cases(results):
    page = render_html(results, cases=2)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert page.count("<img") == 8
    assert "half an oracle" in page
    assert "most frequent answer" in page
    assert "&lt;point" in page  # replies are text, not markup
    for found in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page):
        with Image.open(io.BytesIO(base64.b64decode(found))) as picture:
            assert max(picture.size) >= 384


def test_files_are_written_whole(results, tmp_path, monkeypatch):
    write_results(results, tmp_path / "out")
    values = json.loads((tmp_path / "out/results.json").read_text())
    assert values["tasks"]["pointing"]["columns"]["model"]["metrics"]["f1"]["mean"] > 0.5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "results.json"]


def test_the_table_has_every_metric_and_both_controls(results):
    table = markdown_table(results)
    assert "| Pointing | f1 |" in table
    assert "|  | within_1 |" in table
    assert "Shuffled" in table.splitlines()[0]


def test_cases_are_spread_over_the_rows(results):
    right, wrong = pick_cases(results.tasks["pointing"].rows, "f1", 3)
    assert len(right) == len(wrong) == 3
    assert all(row.scores["f1"] >= 0.8 for row in right)
    assert all(row.scores["f1"] < 0.5 for row in wrong)
    assert pick_cases([], "f1", 3) == ([], [])


def test_pictures_show_truth_and_verdicts(scenes):
    question = next(q for q in pick_questions((POINTING,), scenes)["pointing"] if q.group == "1 point")

    def colours(reply):
        picture = case_picture(Row(question, read_answer(reply, (question.size,)), {}))
        counted = picture.convert("RGB").getcolors(maxcolors=picture.width * picture.height)
        return {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b) in counted}

    assert TRUTH in colours("There are none.")
    assert RIGHT in colours(question.reply)
    assert WRONG in colours('<point x="0.5" y="0.5" alt="a">a</point>')


def test_several_pictures_stand_side_by_side_with_their_own_points(scenes):
    first, second = [q for q in pick_questions((POINTING,), scenes)["pointing"] if q.group == "1 point"][:2]
    moved = dataclasses.replace(second.truth, points=tuple(Point(p.x, p.y, 1) for p in second.truth.points))
    both = dataclasses.replace(second, image=first.image, more_images=(second.image,), truth=moved)
    right = write_points(moved.points, "it")

    def halves(question, reply):
        picture = case_picture(Row(question, read_answer(reply, question.sizes), {})).convert("RGB")
        middle = picture.width // 2
        parts = (picture.crop((0, 0, middle, picture.height)), picture.crop((middle, 0, *picture.size)))
        return [
            {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b) in part.getcolors(maxcolors=part.width * part.height)}
            for part in parts
        ]

    left, beside = halves(both, right)
    assert RIGHT in beside and RIGHT not in left
    assert WRONG in halves(both, right.replace('image="2" ', ""))[0]


# ------------------------------------------------------------------------------------- command


@pytest.fixture
def run_eval(monkeypatch, capsys, tmp_path):
    """``openmolmo eval`` with an oracle in place of the model's weights."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.safetensors").write_bytes(b"weights")

    class Knowing:
        model = SimpleNamespace(device="cpu")

        def __init__(self, *args, **kwargs):
            tasks = [TASKS.get(name) for name in TASKS]
            held_out = from_generators(("scenes",), count=6, size=96, sample=1)
            self.answer_batch = Oracle(tasks, held_out.examples).answer_batch

    monkeypatch.setattr("openmolmo.evaluation.session.load", Knowing)
    monkeypatch.setattr("openmolmo.evaluation.session.from_generators", partial(from_generators, sample=20))
    monkeypatch.setattr("openmolmo.evaluation.session.find_model", lambda model: tmp_path / "model")

    def call(*argv):
        monkeypatch.setattr(sys, "argv", ["openmolmo", "eval", *map(str, argv)])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return ended.value.code, shown.out, shown.err

    return call


SCENES = ("--synth", "scenes", "--count", 6, "--size", 96)


def test_one_command_gives_the_same_scores_twice(run_eval, tmp_path):
    code, out, err = run_eval("m", *SCENES, "--out", tmp_path / "a")
    assert code == 0, err
    assert "report.html" in out
    run_eval("m", *SCENES, "--out", tmp_path / "b")
    first, second = (json.loads((tmp_path / name / "results.json").read_text()) for name in "ab")
    assert first["tasks"] == second["tasks"]
    assert first["rows"] == second["rows"]
    assert first["tasks"]["pointing"]["columns"]["model"]["metrics"]["f1"]["mean"] == 1.0
    assert set(first["tasks"]) == {"captions", "counting", "pointing", "short_answers"}
    meta = first["meta"]
    assert meta["data"]["split"] == "test"
    assert meta["data"]["fingerprint"]["scenes"]
    assert len(meta["weights_sha256"]["model.safetensors"]) == 64
    assert meta["code"]["openmolmo"]
    assert meta["date"].endswith("UTC")


def test_a_data_set_folder_is_judged(run_eval, scenes, tmp_path):
    data = tmp_path / "data"
    write_dataset(data, scenes[:6])
    code, _, err = run_eval(
        "m", "--data", data, "--tasks", "pointing,counting", "--limit", 5, "--out", tmp_path / "out"
    )
    assert code == 0, err
    values = json.loads((tmp_path / "out/results.json").read_text())
    assert {name: task["questions"] for name, task in values["tasks"].items()} == {"pointing": 5, "counting": 5}
    assert values["meta"]["data"]["fingerprint"]


def test_a_jsonl_file_is_judged(run_eval, scenes, tmp_path):
    lines = []
    for example in scenes[:3]:
        (tmp_path / f"{example.id}.jpg").write_bytes(example.image.data)
        annotations = [annotation_to_dict(annotation) for annotation in example.annotations]
        lines.append(json.dumps({"id": example.id, "image": f"{example.id}.jpg", "annotations": annotations}))
    (tmp_path / "mine.jsonl").write_text("\n".join(lines))
    code, _, err = run_eval("m", "--data", tmp_path / "mine.jsonl", "--tasks", "counting", "--out", tmp_path / "out")
    assert code == 0, err
    questions = sum(annotation.kind == "counting" for example in scenes[:3] for annotation in example.annotations)
    assert json.loads((tmp_path / "out/results.json").read_text())["tasks"]["counting"]["questions"] == questions > 0


def test_mistakes_are_named_and_write_nothing(run_eval, tmp_path):
    (tmp_path / "file").write_text("x")
    cases = [
        (("m", "--tasks", "pointin", "--out", tmp_path / "o"), "did you mean pointing"),
        (("m", "--tasks", ",", "--out", tmp_path / "o"), "no task"),
        (("m", "--synth", "cloks", "--out", tmp_path / "o"), "clocks"),
        (("m", "--data", tmp_path / "none", "--out", tmp_path / "o"), "none"),
        (("m", *SCENES, "--split", "exam", "--out", tmp_path / "o"), "exam"),
        (("m", *SCENES, "--out", tmp_path / "file"), "is a file"),
        (("m", *SCENES, "--tasks", "clocks", "--out", tmp_path / "o"), "no question for clocks"),
    ]
    for argv, words in cases:
        code, out, err = run_eval(*argv)
        assert (code, out) == (1, ""), err
        assert words in err, err
        assert not (tmp_path / "o").exists()


def test_a_missing_model_is_said_before_data_is_made(monkeypatch, tmp_path):
    from openmolmo.core.errors import CheckpointError

    monkeypatch.setattr("openmolmo.evaluation.session.examples_of", lambda setup: pytest.fail("made data"))
    with pytest.raises(CheckpointError, match="no model"):
        judge(Setup(model=str(tmp_path / "none")))


def test_test_pictures_are_not_training_pictures():
    held_out = from_generators(("scenes",), count=3, size=64, sample=3)
    judged = {example.image.sha256 for example in held_out.examples}
    assert judged.isdisjoint(example.image.sha256 for example in held_out.sample)
    assert {example.split for example in held_out.examples} == {"test"}
    assert {example.split for example in held_out.sample} == {"train"}
