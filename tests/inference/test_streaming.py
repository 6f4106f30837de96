"""Answers piece by piece."""

from __future__ import annotations

import pytest
from inference_toys import noise

from openmolmo.core.errors import ConfigError, ImageError, PromptError
from openmolmo.inference.generate import Generated, Limit
from openmolmo.inference.predictor import Predictor
from openmolmo.inference.sampling import Sampling
from openmolmo.inference.stream import pieces
from openmolmo.words.reply import ReplyText
from openmolmo.words.requests import Request

PICTURE = noise(60, 80)


def spoken(processor, text, limit=1000):
    """The pieces of a reply whose tokens are those of ``text``, its end token last."""
    reader = ReplyText(processor.tokenizer.decode)
    reply = Generated(Limit(limit, processor.tokenizer.special.eos, text=reader))

    def tokens():
        for token in [*processor.tokenizer.encode(text), processor.tokenizer.special.eos]:
            reply.take(token, -0.01 * len(reply.ids))
            yield reply
            if reply.done:
                return

    return list(pieces(tokens(), reader, [(200, 100)]))


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, seed=3)])
def test_the_pieces_make_up_the_answer_of_a_batch(model, processor, sampling):
    predictor = Predictor(model, processor, max_new_tokens=30, sampling=sampling)
    for request in (
        Request(text="Describe", images=(PICTURE,)),
        Request(text="Point to the red star", images=(PICTURE,), style="pointing", max_new_tokens=7),
        Request(text="Describe", images=(PICTURE,), style="long_caption"),
        Request(text="How many?"),
    ):
        given = list(predictor.stream(request))
        assert [piece.answer is None for piece in given] == [True] * (len(given) - 1) + [False]
        assert given[-1].answer == predictor.answer_batch([request])[0]
        assert "".join(map(str, given)) == given[-1].answer.text


def test_points_come_as_soon_as_they_are_complete(processor):
    text = 'Here: <points x1="10.0" y1="20.0" x2="30.5" y2="20.1" alt="star">star</points> and more.'
    given = spoken(processor, text)
    places = [(piece.text, [(p.x, p.y) for p in piece.points]) for piece in given]
    with_points = [number for number, (_, points) in enumerate(places) if points]
    assert [places[number][1] for number in with_points] == [[(10.0, 20.0)], [(30.5, 20.1)]]
    before = "".join(text for text, _ in places[: with_points[0] + 1])
    assert "x2" not in before.removesuffix("x2").removesuffix(' x2="')
    assert given[-1].answer.text == text
    assert [point.label for point in given[-1].answer.points] == ["star", "star"]
    sure = [point.confidence for point in given[-1].answer.points]
    assert sure == [point.confidence for piece in given for point in piece.points], "what is given early stays"
    assert 0.5 < sure[1] < sure[0] < 1.0


def test_a_place_pointed_at_twice_comes_twice(processor):
    text = '<point x="1.0" y="2.0" alt="a">a</point> <point x="1.0" y="2.0" alt="b">b</point>'
    assert [(p.x, p.y) for piece in spoken(processor, text) for p in piece.points] == [(1.0, 2.0)] * 2


def test_a_reply_that_is_cut_keeps_its_whole_points(processor):
    text = '<points x1="10.0" y1="20.0" x2="30.5" y2="20.1" alt="star">star</points>'
    for limit in range(1, len(processor.tokenizer.encode(text))):
        given = spoken(processor, text, limit)
        answer = given[-1].answer
        assert not answer.finished
        assert [(p.x, p.y) for piece in given for p in piece.points] == [(p.x, p.y) for p in answer.points]
        assert [(p.x, p.y) for p in answer.points] == [(10.0, 20.0), (30.5, 20.1)][: len(answer.points)]


def test_stop_strings_end_a_reply_alone_in_a_batch_and_in_a_stream(predictor):
    free = Request(text="Describe", images=(PICTURE,), max_new_tokens=12)
    text = predictor.answer_batch([free])[0].text
    stop = text[len(text) // 2 :][:2]
    request = Request(text="Describe", images=(PICTURE,), max_new_tokens=12, stop=(stop,))
    stopped, other = predictor.answer_batch([request, free])
    assert stopped.finished
    assert stopped.text == text[: text.index(stop)].strip()
    assert other.text == text
    given = list(predictor.stream(request))
    assert given[-1].answer == stopped
    assert "".join(piece.text for piece in given) == stopped.text


def test_errors_come_before_the_first_piece(predictor, tmp_path):
    with pytest.raises(PromptError, match="256"):
        predictor.stream(Request(text="red star " * 200))
    with pytest.raises(ImageError, match="nowhere"):
        predictor.stream(Request(text="What?", images=(tmp_path / "nowhere.png",)))
    for change, words in (({"max_crops": 0}, "max_crops=0"), ({"stop": ("",)}, "stop string")):
        with pytest.raises(ConfigError, match=words):
            Request(text="What?", **change)
