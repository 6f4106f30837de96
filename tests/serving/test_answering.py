"""Requests answered by vLLM: what it is asked, and what its replies become. A stand-in takes its place here."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from openmolmo.core.errors import ConfigError, ImageError, MissingDependencyError, PromptError
from openmolmo.inference.at_scale.engines import ENGINES
from openmolmo.inference.settings import Settings
from openmolmo.serving.answering import VllmAnswerer
from openmolmo.words.requests import Request, ask_request, caption_request, point_request

SETTINGS = Settings(
    model="nano",
    tokenizer=None,
    max_new_tokens=50,
    temperature=0.5,
    top_p=0.9,
    seed=3,
    batch_size=4,
    device=None,
    dtype=None,
    resize=None,
    compile=False,
)
POINT = ['<point x="', "6", '1.5" y="', "4", '0.4" alt="it">it</point>']


class StandIn:
    """Takes conversations as vLLM does, refuses one of them, and points in every other."""

    def __init__(self, model, **settings):
        self.settings, self.calls = settings, []

    def chat(self, messages, choosing, use_tqdm, **known):
        self.calls.append((messages, choosing, known))
        if any("refuse" in str(one) for one in messages):
            raise ValueError("The prompt is too\nlong")
        chances = [{i: SimpleNamespace(decoded_token=t, logprob=math.log(0.25))} for i, t in enumerate(POINT)]
        reply = SimpleNamespace(text="".join(POINT), token_ids=range(5), logprobs=chances, finish_reason="length")
        return [SimpleNamespace(outputs=[reply]) for _ in messages]


@pytest.fixture
def answerer(monkeypatch):
    stand_in = SimpleNamespace(LLM=StandIn, SamplingParams=lambda **values: values)
    monkeypatch.setitem(sys.modules, "vllm", stand_in)
    made = ENGINES.get("vllm")(SETTINGS)
    assert isinstance(made, VllmAnswerer) and made.name == "nano" and len(made.weights) == 16
    return made


def test_requests_become_conversations_and_replies_answers(answerer):
    picture = Image.new("RGB", (200, 100))
    requests = [
        point_request(picture, "cup"),
        ask_request("nowhere.png", "What?"),
        caption_request(picture, 40),
        Request(text="refuse this"),
        Request(text="And now?", images=(picture,), history=("What?", "A cup."), max_crops=2, max_new_tokens=7, seed=9),
        point_request(picture, "dog"),
    ]
    answers = dict(answerer.answers(requests))
    assert sorted(answers) == list(range(6))
    point = answers[0].points[0]
    assert (point.x_pixel, point.y_pixel, point.confidence) == (123, 40, pytest.approx(0.25 * 0.25**1.05, abs=0.02))
    assert not answers[0].finished and answers[2].count is None and answers[0].count == 1
    assert isinstance(answers[1], ImageError) and isinstance(answers[3], PromptError)
    assert answers[3].message == "vLLM refuses it: The prompt is too long"
    calls = {str(known): (messages, choosing) for messages, choosing, known in answerer._engine.calls}
    messages, choosing = calls["{'chat_template_kwargs': {'style': 'pointing'}}"]
    assert [one[0]["content"][1]["text"] for one in messages] == ["Point to cup.", "Point to dog."]
    assert messages[0][0]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert [one["seed"] for one in choosing] == [3, 8] and choosing[0]["temperature"] == 0.5
    (turns,), (choice,) = calls["{'mm_processor_kwargs': {'max_crops': 2}}"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert len(turns[0]["content"]) == 2 and (choice["max_tokens"], choice["seed"]) == (7, 12)
    assert "{'chat_template_kwargs': {'style': 'long_caption', 'length_hint': 40}}" in calls


def test_what_vllm_cannot_do_is_said(monkeypatch):
    import dataclasses

    with pytest.raises(ConfigError, match="own engine"):
        ENGINES.get("vllm")(dataclasses.replace(SETTINGS, quantize="int8"))
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(MissingDependencyError) as caught:
        ENGINES.get("vllm")(SETTINGS)
    assert "openmolmo[vllm]" in (caught.value.fix or "")
