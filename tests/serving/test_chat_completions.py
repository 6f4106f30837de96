"""Chat completions, as OpenAI's own client asks for them and reads them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from PIL import Image
from scripted import REPLY, Scripted, Served, served

from openmolmo.serving.openai import ModelCard


def picture(size: tuple[int, int] = (32, 24), colour: str = "red") -> str:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


BACKEND = Scripted()


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(
        {"nano": BACKEND, "other": Scripted(lambda _: "I am another")},
        cards={"nano": ModelCard(knows="drawings", context=2048)},
    ) as one:
        yield one


@pytest.fixture(scope="module")
def client(server: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)


def test_a_question_about_pictures_is_answered_with_points(client: openai.OpenAI) -> None:
    content = [
        {"type": "image_url", "image_url": {"url": picture(), "detail": "original"}},
        {"type": "image_url", "image_url": {"url": picture(colour="blue")}},
        {"type": "text", "text": "Point to the cups."},
    ]
    reply = client.chat.completions.create(
        model="nano",
        messages=[
            {"role": "developer", "content": "Be short."},
            {"role": "user", "content": content},
        ],  # type: ignore[arg-type]
        max_completion_tokens=50,
        temperature=0.5,
        top_p=0.9,
        seed=3,
        stop=["END"],
        n=2,
        logprobs=True,
        top_logprobs=2,
        presence_penalty=0.5,
        verbosity="low",
        prompt_cache_key="k",
        safety_identifier="s",
        service_tier="auto",
        extra_body={
            "top_k": 5,
            "min_p": 0.1,
            "repetition_penalty": 1.1,
            "stop_token_ids": [9],
            "never_heard_of": {},
            "openmolmo": {"style": "pointing"},
        },
    )
    ChatCompletion.model_validate(reply.model_dump(), strict=True)
    assert [choice.message.content for choice in reply.choices] == [REPLY, REPLY]
    assert [choice.finish_reason for choice in reply.choices] == ["stop", "stop"]
    assert reply.usage is not None and reply.usage.prompt_tokens == 7
    assert reply.usage.completion_tokens == 2 * len(REPLY.split(" "))
    found = reply.choices[0].message.model_extra["openmolmo"]  # type: ignore[index]
    assert (found["count"], found["dropped"]) == (2, 0)
    assert found["points"][0] == {
        "label": "cups",
        "alt": "cups",
        "image": 0,
        "x": 10.0,
        "y": 20.0,
        "x_pixel": 20,
        "y_pixel": 20,
        "confidence": None,
    }
    tokens = reply.choices[0].logprobs.content  # type: ignore[union-attr]
    assert "".join(token.token for token in tokens or ()) == REPLY
    assert [len(token.top_logprobs) for token in tokens or ()] == [2] * len(REPLY.split(" "))
    first, second = BACKEND.asked[-2:]
    request, choosing = first.request, first.choosing
    assert (request.text, request.history, request.style) == ("Be short.\nPoint to the cups.", (), "pointing")
    assert (len(request.images), request.max_crops, request.max_new_tokens, request.stop) == (2, 36, 50, ("END",))
    assert all(isinstance(image, bytes) for image in request.images)
    assert (choosing.temperature, choosing.top_p, choosing.top_k, choosing.min_p) == (0.5, 0.9, 5, 0.1)
    assert (choosing.repetition_penalty, choosing.presence_penalty, choosing.stop_token_ids) == (1.1, 0.5, (9,))
    assert (choosing.seed, second.choosing.seed) == (3, 4)


def test_a_stream_is_the_same_reply_in_pieces(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="nano",
        messages=[{"role": "user", "content": "Hello"}],
        stream=True,
        logprobs=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk.model_dump(), strict=True)
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == REPLY
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 7 + len(REPLY.split(" "))
    fields = [(chunk.choices[0].delta.model_extra or {}).get("openmolmo") for chunk in chunks if chunk.choices]
    points = [field for field in fields if field]
    assert sum(len(field["points"]) for field in points[:-1]) == 2
    assert len(points[-1]["points"]) == 2 and points[-1]["count"] == 2


def test_conversations_instructions_and_beginnings(client: openai.OpenAI) -> None:
    client.chat.completions.create(
        model="nano",
        messages=[
            {"role": "system", "content": "Rules."},
            {"role": "user", "content": "One"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "two"},
                    {"type": "image_url", "image_url": {"url": picture(), "detail": "low"}},
                ],
            },
            {"role": "assistant", "content": "Said"},
            {"role": "user", "content": "Three"},
            {"role": "assistant", "content": "There are"},
        ],
        extra_body={"continue_final_message": True},
    )
    asked = BACKEND.asked[-1]
    assert asked.request.history == ("Rules.\nOne\ntwo<|image|>", "Said")
    assert (asked.request.text, asked.begun, asked.request.max_crops) == ("Three", "There are", 1)


def test_models_are_listed_and_chosen_by_name(client: openai.OpenAI) -> None:
    listed = client.models.list().data
    assert [one.id for one in listed] == ["nano", "other"]
    assert listed[0].model_extra is not None and listed[0].model_extra["openmolmo"]["knows"] == "drawings"
    assert client.models.retrieve("other").id == "other"
    reply = client.chat.completions.create(model="other", messages=[{"role": "user", "content": "Who?"}])
    assert reply.choices[0].message.content == "I am another"
    with pytest.raises(openai.NotFoundError, match="there is no model 'gpt-4o' here; known: nano, other"):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Who?"}])
