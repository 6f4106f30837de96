"""``openmolmo ask|caption|point|count``: what is printed, what is written, what goes wrong clearly."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_toys import noise
from PIL import Image
from safetensors.torch import load_file, save_file

from openmolmo.core.errors import DataError
from openmolmo.inference.jobs import answer_into
from openmolmo.inference.predictor import Predictor
from openmolmo.inference.request_file import RequestLine, read_requests
from openmolmo.words.answer import read_answer

POINTS = '<points x1="10.0" y1="20.0" x2="30.5" y2="20.1" alt="red star">red star</points>'


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


def test_one_bad_picture_takes_no_good_one_with_it(run, says, model_folder, picture_file, tmp_path):
    says(POINTS)
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(picture_file.read_bytes()[:-30])
    asked = ("point", picture_file, bad, tmp_path / "none.png", "red star", "--model", model_folder)
    code, out, err = run(*asked, "--out", tmp_path / "drawn")
    assert code == 1
    assert out.splitlines()[0] == f"{picture_file}: red star"
    assert "2 of 3 pictures could not be read" in err and "bad.jpg is cut short" in err and "none.png" in err
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["1-shapes.png"]
    code, out, err = run(*asked, "--json")
    assert code == 1
    good, broken, missing = json.loads(out)
    assert len(good["points"]) == 2 and broken["image"] == str(bad) and "cut short" in broken["error"]
    assert missing["kind"] == "ImageError"
    code, out, err = run(*asked, "--stream")
    assert code == 1 and "2 of 3 pictures" in err


def test_pictures_of_a_folder_are_known_by_content_and_the_rest_is_counted(
    run, says, model_folder, picture_file, tmp_path
):
    says("A star.")
    folder = tmp_path / "pictures"
    (folder / ".trash").mkdir(parents=True)
    for name in ("a.jfif", "b.JPE", "c", "d.txt", ".hidden.png", "._a.jfif", ".trash/e.png"):
        (folder / name).write_bytes(picture_file.read_bytes())
    (folder / "._b.JPE").write_bytes(bytes.fromhex("0005160700020000") + bytes(62))
    for name in ("list.csv", "notes.CSV", "page"):
        (folder / name).write_text("<html>")
    code, out, err = run("caption", folder, "--model", model_folder)
    assert code == 0, err
    assert out.splitlines() == [f"{folder / name}: A star." for name in ("a.jfif", "b.JPE", "c", "d.txt")]
    assert "passed over 4 hidden files, 3 that are no pictures (.csv 2, (no ending) 1)" in " ".join(err.split())
    (folder / "page.jpg").write_text("<html>")  # it says that it is a picture: not answered, but named
    code, out, err = run("caption", folder, "--model", model_folder)
    assert code == 1 and len(out.splitlines()) == 4
    assert "1 of 5 pictures could not be read" in err and "page.jpg holds markup" in err


def test_no_points_to_draw_is_an_error_and_writes_nothing(run, says, model_folder, picture_file, tmp_path):
    says("It is red.")
    target = tmp_path / "points.png"
    code, out, err = run("point", picture_file, "moon", "--model", model_folder, "--out", target)
    assert code == 1
    assert out == "It is red.\n"
    assert "no points" in err
    assert not target.exists()


def test_bad_input_is_said_before_anything_is_written(run, model_folder, picture_file, tmp_path):
    page = tmp_path / "page.jpg"
    page.write_text("<html>")
    (tmp_path / "empty").mkdir()
    target = tmp_path / "out.png"
    cases = [
        (("point", tmp_path / "no.png", "star", "--out", target), 1, "no picture"),
        (("point", page, "star", "--out", target), 1, "page.jpg"),
        (("ask", picture_file, "  "), 1, "empty"),
        (("ask", picture_file, "What?", "--model", "giant"), 1, "no model 'giant'"),
        (("ask", picture_file, "What?", "--model", model_folder, "--temperature", "-1"), 1, "temperature"),
        (("point", picture_file, "star", "--out", tmp_path / "out.txt"), 2, "must end in"),
        (("point", picture_file, picture_file, "star", "--out", target), 2, "must be a folder"),
        (("ask", picture_file), 2, "TEXT is missing, after the picture"),
        (("count", picture_file, picture_file), 2, f'openmolmo count {picture_file} {picture_file} "red stars"'),
        (("count", "red stars"), 2, 'IMAGE is missing, before the words, e.g.: openmolmo count photo.jpg "red stars"'),
        (("point",), 2, "IMAGE and TEXT are missing"),
        (("point", picture_file, "star", "--out", page / "points.png"), 1, f"{page} is not a folder"),
        (("point", picture_file, "star", "--out", page / "points.jsonl"), 1, f"{page} is not a folder"),
        (("caption", tmp_path / "empty"), 1, "without any"),
        (("caption", picture_file, "--stream", "--json"), 2, "choose one"),
        (("caption", picture_file, "--json", "--out", tmp_path / "a.jsonl"), 2, "choose one"),
        (("caption", picture_file, "--max-crops", "0"), 2, "not in the range"),
        (("ask", picture_file, "<|image|> or <|image|>?", "--model", model_folder), 1, "2 <|image|>"),
        (("answer", tmp_path / "no.jsonl", "--out", target), 2, "no.jsonl"),
    ]
    for argv, expected, words in cases:
        code, out, err = run(*argv)
        assert (code, out) == (expected, ""), argv
        assert words in err, err
        assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "page.jpg", "shapes.png"]


def test_a_full_disk_leaves_nothing_behind(run, says, model_folder, picture_file, tmp_path, monkeypatch):
    says(POINTS)

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    code, _, err = run("point", picture_file, "star", "--model", model_folder, "--out", tmp_path / "out.png")
    assert code == 1
    assert "no space left" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shapes.png"]


def test_a_reply_is_printed_while_it_comes(run, model_folder, picture_file):
    options = ("--model", model_folder, "--max-new-tokens", 8)
    whole = run("ask", picture_file, "What is it?", *options)[1]
    code, out, err = run("ask", picture_file, "What is it?", *options, "--stream")
    assert code == 0, err
    assert out == whole
    named = run("ask", picture_file, picture_file, "What is it?", *options, "--stream")[1]
    assert named == f"{picture_file}: {whole}" * 2


def test_compiled_steps_and_quick_resizing(run, model_folder, picture_file, tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr("torch.compile", lambda module, **options: compiled.append(options["mode"]) or module)
    options = ("--model", model_folder, "--max-new-tokens", 8)
    whole = run("ask", picture_file, "What is it?", *options)
    assert run("ask", picture_file, "What is it?", *options, "--compile") == whole
    assert compiled == ["default"]
    exact, fast = tmp_path / "exact.jsonl", tmp_path / "fast.jsonl"
    run("ask", picture_file, "What is it?", *options, "--resize", "exact", "--out", exact)
    assert run("ask", picture_file, "What is it?", *options, "--resize", "fast", "--out", fast)[0] == 0
    assert lines(exact)[0]["asked"] != lines(fast)[0]["asked"]  # answers of the two are not mixed


def test_a_folder_means_all_pictures_in_it(run, says, model_folder, picture_file, tmp_path):
    says("A star.")
    (tmp_path / "more").mkdir()
    Image.fromarray(noise(30, 30)).save(tmp_path / "more" / "dots.JPG", format="JPEG")
    (tmp_path / "notes.txt").write_text("no picture")
    code, out, err = run("caption", tmp_path, "--model", model_folder)
    assert code == 0, err
    assert out == f"{tmp_path / 'more' / 'dots.JPG'}: A star.\n{picture_file}: A star.\n"


# ------------------------------------------------------------------------------- files of answers


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def requests_file(tmp_path, picture_file):
    path = tmp_path / "requests.jsonl"
    rows = [
        {"id": "a", "task": "point", "image": picture_file.name, "text": "Red star"},
        {"id": "b", "image": "gone.png", "text": "What is it?", "style": "vqa2"},
        {"id": "c", "task": "caption", "image": picture_file.name, "length": 20, "max_new_tokens": 3, "max_crops": 1},
        {"id": "d", "images": [picture_file.name] * 2, "text": "Same?", "history": ["One?", "Two."], "stop": ["x"]},
        {"text": "Without a picture?"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_of_requests_becomes_a_file_of_answers(run, model_folder, requests_file, picture_file, tmp_path):
    out = tmp_path / "answers.jsonl"
    command = ("answer", requests_file, "--out", out, "--model", model_folder, "--max-new-tokens", 6)
    code, shown, err = run(*command)
    assert (code, shown) == (1, "")
    assert "1 of 5 requests failed" in err
    found = {line["id"]: line for line in lines(out)}
    assert sorted(found) == ["5", "a", "b", "c", "d"]
    assert found["b"]["kind"] == "ImageError"
    assert "gone.png" in found["b"]["error"]
    assert all(set(found[name]) >= {"text", "points", "count", "finished", "model"} for name in "acd5")
    before = out.read_text().splitlines()
    Image.fromarray(noise(50, 50)).save(tmp_path / "gone.png")
    code, _, err = run(*command)
    assert code == 0, err
    assert "1 answered, 4 were there already" in err
    assert out.read_text().splitlines()[:4] == [line for line in before if '"error"' not in line]
    assert "error" not in lines(out)[4]
    assert run(*command)[0] == 0
    assert len(lines(out)) == 5


def test_an_interrupted_run_goes_on_to_the_same_answers(run, model_folder, requests_file, tmp_path):
    Image.fromarray(noise(50, 50)).save(tmp_path / "gone.png")
    options = ("--model", model_folder, "--max-new-tokens", 9, "--temperature", 1, "--seed", 4)
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    assert run("answer", requests_file, "--out", whole, *options)[0] == 0
    text = whole.read_bytes()
    second = text.index(b"\n") + 20  # in the middle of the second line
    cut.write_bytes(text[:second])
    code, _, err = run("answer", requests_file, "--out", cut, *options)
    assert code == 0, err
    assert "4 answered, 1 were there already" in err
    assert sorted(map(str, lines(cut))) == sorted(map(str, lines(whole)))


def test_answers_of_other_settings_are_not_mixed(run, says, model_folder, requests_file, tmp_path):
    says("A star.")
    out = tmp_path / "answers.jsonl"
    run("answer", requests_file, "--out", out, "--model", model_folder)
    before = out.read_bytes()
    code, _, err = run("answer", requests_file, "--out", out, "--model", model_folder, "--max-new-tokens", 7)
    assert code == 1
    assert "answers something else under the id" in err
    assert "another --out" in err
    (tmp_path / "notes.jsonl").write_text("shopping\n")
    code, _, err = run("answer", requests_file, "--out", tmp_path / "notes.jsonl", "--model", model_folder)
    assert code == 1
    assert "no line of answers" in err
    assert (tmp_path / "notes.jsonl").read_text() == "shopping\n"
    assert out.read_bytes() == before


def test_answers_of_a_model_before_it_was_retrained_are_not_taken_for_its_own(
    run, model_folder, requests_file, tmp_path
):
    Image.fromarray(noise(50, 50)).save(tmp_path / "gone.png")
    out, folder = tmp_path / "answers.jsonl", tmp_path / "model"
    shutil.copytree(model_folder, folder)
    command = ("answer", requests_file, "--out", out, "--model", folder, "--max-new-tokens", 2)
    assert run(*command)[0] == 0
    before = out.read_bytes()
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder, elsewhere)  # the same weights under another name
    code, _, err = run(*(elsewhere if part is folder else part for part in command))
    assert code == 0 and "0 answered, 5 were there already" in err, err
    (weights,) = folder.glob("*.safetensors")
    tensors = load_file(weights)
    tensors["lm_head.weight"][0, 0] += 1e-3
    save_file(tensors, weights, {"format": "pt"})
    code, _, err = run(*command)
    assert code == 1
    assert f"{out} line 1 answers " in err and " by other weights: " in err and "  -> give another --out" in err
    assert out.read_bytes() == before


def test_a_file_of_an_earlier_version_says_not_which_weights_answered(run, says, model_folder, requests_file, tmp_path):
    says("A star.")
    out = tmp_path / "answers.jsonl"
    command = ("answer", requests_file, "--out", out, "--model", model_folder)
    run(*command)
    old = [{key: value for key, value in line.items() if key != "weights"} for line in lines(out)]
    out.write_text("".join(json.dumps(line) + "\n" for line in old))
    code, _, err = run(*command)
    assert code == 1 and "an earlier version wrote it" in err and "  -> give another --out" in err
    assert lines(out) == old
    for line in old:
        line["id"] += "-of-another-list"  # not asked for now: such answers stay
    out.write_text("".join(json.dumps(line) + "\n" for line in old if "error" not in line))
    assert run(*command)[0] == 1  # for the picture that is not there
    assert len(lines(out)) == 4 + 5


def test_a_folder_of_pictures_becomes_a_file_of_answers(run, says, model_folder, picture_file, tmp_path):
    says(POINTS)
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture_file.rename(folder / "a.png")
    (folder / "b.png").write_bytes(b"no picture")
    out = tmp_path / "new" / "points.jsonl"
    code, shown, err = run("point", folder, "red star", "--out", out, "--model", model_folder)
    assert (code, shown) == (1, "")
    assert "1 of 2 requests failed" in err
    assert {line["id"]: line.get("count") for line in lines(out)} == {
        str(folder / "a.png"): 2,
        str(folder / "b.png"): None,
    }


def test_mistakes_in_a_file_of_requests_name_line_and_field(run, says, model_folder, requests_file, tmp_path):
    says("A star.")
    out = tmp_path / "answers.jsonl"
    for row, words in (
        ("{", "not JSON"),
        ("[]", "holds a list"),
        ('{"txt": "What?"}', "did you mean text"),
        ('{"text": "  "}', "text is empty"),
        ('{"text": "What?", "image": "a.png", "images": ["b.png"]}', "one of the two"),
        ('{"task": "point", "text": "star"}', "0 pictures"),
        ('{"task": "caption", "image": "a.png", "text": "star"}', "caption has a text"),
        ('{"image": "a.png", "text": "What?", "length": 5}', "ask has a length"),
        ('{"id": "a", "image": "a.png", "text": "What?"}', "line 1 already"),
        ('{"image": "a.png", "text": "What?", "max_crops": 0}', "max_crops=0"),
        ('{"image": "a.png", "text": "\\ud83d"}', "half a character"),
        ('{"image": "a.png", "text": "What?", "history": ["\\udc00", "a"]}', "half a character"),
        ("[" * 100_000, "not JSON"),
        ('{"max_crops": ' + "9" * 5000 + "}", "not JSON"),
    ):
        path = tmp_path / "bad.jsonl"
        path.write_text(requests_file.read_text().splitlines()[0] + "\n" + row + "\n")
        code, _, err = run("answer", path, "--out", out, "--model", model_folder)
        assert code == 1
        assert words in err, err
        assert "row 2" in err, err
        assert "  -> " in err
        good, bad = sorted(lines(out), key=lambda line: line["id"])
        assert good["text"] == "A star." and bad["id"] == "line 2" and words in bad["error"] + bad["fix"]
    out.unlink()
    (tmp_path / "bad.jsonl").write_text("\n")
    assert "no request" in run("answer", tmp_path / "bad.jsonl", "--out", out, "--model", model_folder)[2]
    assert not out.exists()


def test_one_bad_line_takes_no_other_with_it(run, says, model_folder, picture_file, tmp_path):
    says("A star.")
    path, out = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    body = base64.encodebytes(picture_file.read_bytes()).decode()  # in lines of 76
    rows = [
        json.dumps({"id": "lines", "image": f"data:image/png;base64,{body}", "text": "What?"}).encode(),
        b'{"text": "caf\xe9"}',
        b"\xff\xfe",
        b'{"id": "half \\ud83d", "text": "What?"}',
        json.dumps({"text": "Whose?"}).encode(),
    ]
    path.write_bytes(b"\n".join(rows))
    command = ("answer", path, "--out", out, "--model", model_folder)
    code, _, err = run(*command)
    assert code == 1 and "2 of 5 requests failed" in err and "row 2" in err and "row 3" in err
    found = {line["id"]: line for line in lines(out)}
    assert {name for name, line in found.items() if "text" in line} == {"lines", "half \ud83d", "5"}
    assert "not UTF-8" in found["line 2"]["error"] and found["line 3"]["kind"] == "DataError"
    path.write_bytes(b"\n".join([rows[0], b'{"text": "caf\xc3\xa9"}', b"", *rows[3:]]))
    code, _, err = run(*command)
    assert code == 0 and "1 answered, 3 were there already" in err
    path.write_bytes(b"\xff\n")
    code, _, err = run("answer", path, "--out", tmp_path / "none.jsonl", "--model", model_folder)
    assert code == 1 and "not UTF-8" in err and not (tmp_path / "none.jsonl").exists()


def test_names_that_are_no_text_are_answered_too(run, says, model_folder, picture_file, tmp_path):
    says("A star.")
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff.png")
    shutil.copy(picture_file, odd)
    out = tmp_path / "answers.jsonl"
    for _ in range(2):
        code, _, err = run("ask", odd, "What?", "--out", out, "--model", model_folder)
        assert code == 0, err
        assert [line["id"] for line in lines(out)] == [odd]
    code, _, err = run("ask", picture_file, "half \ud83d", "--model", model_folder)
    assert code == 1 and "half a character" in err


def test_none_is_an_answer(run, says, model_folder, picture_file, tmp_path):
    target = tmp_path / "points.png"
    for reply, expected, words in (
        ("There are none.", 0, "there are none in"),
        ("It is red.", 1, "no points were found"),
        ('<point x="104.2" y="5.0" alt="star">star</point>', 1, "1 point of the reply lies outside the picture"),
    ):
        says(reply)
        code, _, err = run("point", picture_file, "star", "--model", model_folder, "--out", target)
        assert (code, target.exists()) == (expected, False) and words in err
    code, out, err = run("count", picture_file, "star", "--model", model_folder)
    assert code == 0 and "count: 1" in out and "lies outside" in err


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
ROWS = st.dictionaries(
    st.sampled_from([field.name for field in dataclasses.fields(RequestLine)] + ["x", "\ud83d"]), VALUES, max_size=5
)
TASKS = st.sampled_from([{}, {"text": "What?"}, {"task": "point", "image": "a.png", "text": "cup"}])
LINES = st.builds(lambda row, task: json.dumps(row | task).encode(), ROWS, TASKS) | st.binary(max_size=20)


class Silent:
    """Answers everything, and opens no picture."""

    name, weights = "silent", "0"

    def answers(self, requests):
        yield from ((place, read_answer("")) for place, _ in enumerate(requests))


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=4))
def test_any_file_is_answered_line_by_line_or_refused(rows):
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "requests.jsonl", Path(folder) / "answers.jsonl"
        path.write_bytes(b"\n".join(rows))
        try:
            asked = read_requests(path)
        except DataError:
            return
        outcome = answer_into(out, asked, Silent(), {})
        assert outcome.answered + len(outcome.failed) == len(asked)
        found = lines(out)
        assert sorted(line["id"] for line in found) == sorted(one.id for one in asked)
        assert answer_into(out, asked, Silent(), {}).before == outcome.answered
