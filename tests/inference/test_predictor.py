"""What a user of the Python interface sees."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_toys import noise
from PIL import Image

from openmolmo.core.errors import CheckpointError, ConfigError, ImageError, PromptError
from openmolmo.inference.load import load
from openmolmo.inference.predictor import Predictor
from openmolmo.model.find import find_model
from openmolmo.prompting import Processor
from openmolmo.records.example import Point
from openmolmo.words.answer import read_answer
from openmolmo.words.points import write_points
from openmolmo.words.requests import Request, caption_request, count_request, point_request

POINTS = '<points x1="10.0" y1="20.0" x2="99.9" y2="100.0" alt="red star">red star</points>'


class Scripted(Predictor):
    """A predictor whose model says what the test wants, and keeps what it was asked."""

    def __init__(self, model, processor, reply):
        super().__init__(model, processor)
        self.reply, self.asked = reply, []

    def _prepare(self, request):
        self.asked.append(self.processor.question(request.text, style=request.style, length_hint=request.length_hint))
        return super()._prepare(request)

    def _decode(self, requests, prepared, chosen):
        return [read_answer(self.reply, prepared[i].sizes) for i in chosen]


def test_points_come_in_percent_and_in_pixels(model, processor):
    answer = Scripted(model, processor, POINTS).point(noise(60, 80), "Red star")
    first, last = answer.points
    assert (first.label, first.x, first.y, first.x_pixel, first.y_pixel) == ("red star", 10.0, 20.0, 8, 12)
    assert (last.x_pixel, last.y_pixel) == (79, 59)  # the last pixel, never one outside
    assert answer.count == 2


def test_questions_are_worded_as_in_training(model, processor):
    predictor = Scripted(model, processor, "yes")
    picture = noise(60, 80)
    predictor.point(picture, "Red star")
    predictor.count(picture, "stars")
    predictor.caption(picture)
    predictor.ask(picture, "What is it?")
    predictor.ask(picture, "What is it?", style="vqa2")
    pointing, counting, caption, plain, tagged = predictor.asked
    assert pointing == "Point to red star."
    assert counting == "How many stars are there?"
    assert caption == processor.question("", style="long_caption")
    assert plain == "What is it?"
    assert tagged == "vqa2: What is it?"


def test_a_caption_model_gets_its_length_hint(model, processor):
    trained = Processor(
        processor.tokenizer,
        processor.crop,
        processor.format.replace(system_prompt="style_and_length", prompt_templates=False),
    )
    predictor = Scripted(model, trained, "A star.")
    predictor.caption(noise(60, 80), length=40)
    predictor.point(noise(60, 80), "star")
    assert predictor.asked[0] == "long_caption 40:"
    assert predictor.asked[1].startswith("pointing: ")


def test_counts_are_read_from_the_total_else_from_the_points():
    assert read_answer("Counting the <point x='1' y='2' alt='a'>a</point> shows a total of 4.").count == 4
    assert read_answer(POINTS).count == 2
    assert read_answer("There are none.").count == 0
    assert read_answer("It is red.").count is None


def test_a_cut_reply_gives_its_whole_points():
    answer = read_answer(
        '<points x1="10.0" y1="20.0" x2="30.5" y2="20.1" x3="55.0" y3="6', [(100, 100)], finished=False
    )
    assert [(p.x, p.y) for p in answer.points] == [(10.0, 20.0), (30.5, 20.1)]
    assert not answer.finished


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=12),
    st.integers(1, 4000),
    st.integers(1, 4000),
)
def test_every_written_point_is_read_inside_the_picture(places, width, height):
    points = [Point(x / 10, y / 10) for x, y in places]
    answer = read_answer(write_points(points, "dot"), [(width, height)])
    assert sorted((p.x, p.y) for p in answer.points) == sorted((p.x, p.y) for p in points)
    for found in answer.points:
        assert 0 <= found.x_pixel < width
        assert 0 <= found.y_pixel < height


def test_json_holds_everything():
    values = json.loads(json.dumps(read_answer(POINTS, [(200, 100)]).to_json()))
    assert values["points"][0] == {"label": "red star", "x": 10.0, "y": 20.0, "x_pixel": 20, "y_pixel": 20}
    assert set(values) == {"text", "points", "count", "finished", "dropped"}


def test_points_outside_are_counted_and_said_to_be_dropped():
    outside = read_answer('<points x1="10" y1="20" x2="104.2" y2="30" alt="dog">dog</points>', [(200, 100)])
    assert (len(outside.points), outside.count, outside.dropped) == (1, 2, 1)
    elsewhere = read_answer('<point image="2" x="1" y="2" alt="dog">dog</point>', [(200, 100)])
    assert (elsewhere.points, elsewhere.dropped) == ((), 1)


def test_answers_keep_the_order_of_their_requests(predictor):
    pictures = [noise(40 + 7 * i, 90 - 9 * i, i) for i in range(6)]
    requests = [Request(text="Point to the red star. " * (6 - i), images=(p,)) for i, p in enumerate(pictures)]
    together = predictor.answer_batch(requests)
    assert [a.text for a in together] == [predictor.answer_batch([r])[0].text for r in requests]
    assert predictor.answer_batch([]) == []


def test_any_form_of_picture_gives_the_same_answer(predictor, picture_file):
    sources = [picture_file, str(picture_file), picture_file.read_bytes(), Image.open(picture_file), noise(60, 80)]
    assert len({predictor.ask(source, "What is it?").text for source in sources}) == 1


def test_descriptions_have_no_count(predictor):
    buffer = io.BytesIO()
    Image.fromarray(noise(50, 50)).save(buffer, format="PNG")
    assert predictor.caption(buffer.getvalue()).count is None


def test_a_request_may_cut_its_picture_finer_than_in_training(predictor):
    picture = noise(200, 300)
    tokens = [len(predictor._prepare(Request(text="Read", images=(picture,), max_crops=n))) for n in (1, 2, 4)]
    assert tokens == sorted(set(tokens))
    usual = Request(text="Read", images=(picture,))
    assert len(predictor._prepare(usual)) == tokens[1]  # two crops, as in training
    fine = Request(text="Read", images=(picture,), max_crops=4)
    together = predictor.answer_batch([usual, fine, Request(text="No picture")])
    assert together[1] == predictor.answer_batch([fine])[0]
    with pytest.raises(PromptError, match="max_crops"):
        predictor.answer_batch([Request(text="Read " * 50, images=(noise(800, 800),), max_crops=36)])


def test_one_bad_request_does_not_keep_the_others_from_their_answers(predictor, picture_file):
    requests = [
        Request(text="What?", images=(picture_file,)),
        Request(text="What?", images=("nowhere.png",)),
        Request(text="First <|image|> then <|image|>", images=(picture_file,)),
        Request(text="red star " * 300),
        Request(text="What?"),
    ]
    outcomes = dict(predictor.answers(requests))
    assert sorted(outcomes) == [0, 1, 2, 3, 4]
    assert [type(outcomes[i]) for i in (1, 2, 3)] == [ImageError, PromptError, PromptError]
    assert "2 <|image|> placeholders, 1 image" in outcomes[2].message
    assert outcomes[0] == predictor.answer_batch([requests[0]])[0]
    with pytest.raises(ImageError, match=r"nowhere\.png"):
        predictor.answer_batch(requests)


def test_empty_texts_and_bad_settings_are_refused(model, processor):
    for make in (point_request, count_request):
        with pytest.raises(PromptError, match="empty"):
            make("x.png", "  ")
    assert caption_request("x.png").length_hint is None
    with pytest.raises(ConfigError, match="batch_size=0"):
        Predictor(model, processor, batch_size=0)


def test_a_bad_picture_is_an_image_error(predictor, tmp_path):
    fake = tmp_path / "page.jpg"
    fake.write_text("<html>not found</html>")
    with pytest.raises(ImageError):
        predictor.ask(fake, "What is it?")


# ------------------------------------------------------------------------------------- loading


def test_a_saved_model_answers_the_same(predictor, model_folder):
    loaded = load(model_folder, device="cpu", max_new_tokens=12)
    assert loaded.ask(noise(60, 80), "What is it?").text == predictor.ask(noise(60, 80), "What is it?").text


def test_a_run_folder_means_its_final_or_newest_checkpoint(tmp_path, model_folder):
    run = tmp_path / "run"
    for step in ("step-9", "step-100"):
        (run / step).mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            (run / step / name).write_bytes((model_folder / name).read_bytes())
    (run / "step-200").mkdir()  # without weights
    assert find_model(run).name == "step-100"
    (run / "final").mkdir()
    for name in ("config.json", "model.safetensors"):
        (run / "final" / name).write_bytes((model_folder / name).read_bytes())
    assert find_model(str(run)).name == "final"


def test_a_missing_model_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("openmolmo.model.find._BUNDLED", tmp_path / "bundled")
    with pytest.raises(CheckpointError, match="train one"):
        find_model("nano")
    with pytest.raises(CheckpointError, match="holds no model"):
        find_model(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="is a file"):
        find_model(tmp_path / "weights.bin")
    with pytest.raises(ConfigError, match="device"):
        find_device("abacus")


def find_device(name):
    from openmolmo.inference.load import _device

    return _device(name)


def test_a_tokenizer_of_another_model_is_refused(tmp_path, model, processor, model_folder):
    for path in model_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    from openmolmo.prompting.tokenizer import train_bpe

    train_bpe(["other words"] * 3, 300).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="302"):
        load(tmp_path, device="cpu")
