"""``openmolmo ask|caption|point|count``: what is printed, what is written, what goes wrong clearly."""

from __future__ import annotations

import json
import sys

import pytest
from inference_toys import noise
from PIL import Image

from openmolmo.cli import main
from openmolmo.inference.answer import read_answer
from openmolmo.inference.predictor import Predictor

POINTS = '<points x1="10.0" y1="20.0" x2="30.5" y2="20.1" alt="red star">red star</points>'


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command line; (exit code, standard output, standard error)."""

    def call(*argv):
        monkeypatch.setattr(sys, "argv", ["openmolmo", *map(str, argv)])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return ended.value.code, shown.out, shown.err

    return call


@pytest.fixture
def says(monkeypatch):
    """Put words into the model's mouth."""

    def put(reply, finished=True):
        monkeypatch.setattr(
            Predictor,
            "_decode",
            lambda self, requests, prepared, chosen: [
                read_answer(reply, prepared[i].sizes, finished=finished) for i in chosen
            ],
        )

    return put


def test_a_real_model_answers_on_the_terminal(run, model_folder, picture_file):
    code, out, err = run("ask", picture_file, "What is it?", "--model", model_folder, "--max-new-tokens", 8)
    assert code == 0, err
    assert "cut after 8 tokens" in err or out.strip()


def test_point_prints_and_draws(run, says, model_folder, picture_file, tmp_path):
    says(POINTS)
    target = tmp_path / "points.png"
    code, out, err = run("point", picture_file, "red star", "--model", model_folder, "--out", target)
    assert code == 0, err
    assert out.splitlines()[0] == "red star"
    assert "10.0 %  20.0 %   pixel 8, 12   red star" in out
    with Image.open(target) as drawn:
        assert drawn.format == "PNG"
        assert drawn.width == 80 * 7  # small pictures are enlarged
    assert sorted(path.name for path in tmp_path.iterdir()) == ["points.png", "shapes.png"]


def test_json_is_one_object_or_a_list(run, says, model_folder, picture_file):
    says("Counting the " + POINTS + " shows a total of 2.")
    code, out, _ = run("count", picture_file, "red star", "--model", model_folder, "--json")
    assert code == 0
    assert json.loads(out)["count"] == 2
    code, out, _ = run("count", picture_file, picture_file, "red star", "--model", model_folder, "--json")
    assert [len(answer["points"]) for answer in json.loads(out)] == [2, 2]


def test_several_pictures_are_drawn_into_a_folder(run, says, model_folder, picture_file, tmp_path):
    says(POINTS)
    other = tmp_path / "other.png"
    Image.fromarray(noise(90, 40)).save(other)
    folder = tmp_path / "drawn"
    code, out, err = run("point", picture_file, other, "red star", "--model", model_folder, "--out", folder)
    assert code == 0, err
    assert f"{other}: red star" in out
    assert sorted(path.name for path in folder.iterdir()) == ["1-shapes.png", "2-other.png"]


def test_count_and_caption_in_words(run, says, model_folder, picture_file):
    says("There are none.")
    assert run("count", picture_file, "moons", "--model", model_folder)[1] == "There are none.\ncount: 0\n"
    says("A star.", finished=False)
    code, out, err = run("caption", picture_file, "--model", model_folder, "--length", 30)
    assert (code, out) == (0, "A star.\n")
    assert "--max-new-tokens" in err


def test_no_points_to_draw_is_an_error_and_writes_nothing(run, says, model_folder, picture_file, tmp_path):
    says("There are none.")
    target = tmp_path / "points.png"
    code, out, err = run("point", picture_file, "moon", "--model", model_folder, "--out", target)
    assert code == 1
    assert out == "There are none.\n"
    assert "no points" in err
    assert not target.exists()


def test_bad_input_is_said_before_anything_is_written(run, model_folder, picture_file, tmp_path):
    page = tmp_path / "page.jpg"
    page.write_text("<html>")
    target = tmp_path / "out.png"
    cases = [
        (("point", tmp_path / "no.png", "star", "--out", target), 1, "no picture"),
        (("point", page, "star", "--out", target), 1, "page.jpg"),
        (("ask", picture_file, "  "), 1, "empty"),
        (("ask", picture_file, "What?", "--model", "giant"), 1, "no model 'giant'"),
        (("ask", picture_file, "What?", "--model", model_folder, "--temperature", "-1"), 1, "temperature"),
        (("point", picture_file, "star", "--out", tmp_path / "out.txt"), 2, "must end in"),
        (("point", picture_file, picture_file, "star", "--out", target), 2, "must be a folder"),
        (("ask", picture_file), 2, "Missing argument"),
        (("caption", tmp_path), 1, "no picture"),
    ]
    for argv, expected, words in cases:
        code, out, err = run(*argv)
        assert (code, out) == (expected, ""), argv
        assert words in err, err
        assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.jpg", "shapes.png"]


def test_a_full_disk_leaves_nothing_behind(run, says, model_folder, picture_file, tmp_path, monkeypatch):
    says(POINTS)

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    code, _, err = run("point", picture_file, "star", "--model", model_folder, "--out", tmp_path / "out.png")
    assert code == 1
    assert "no space left" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shapes.png"]
