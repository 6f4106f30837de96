"""Responses, completions, tokens and figures, as OpenAI's client and Prometheus read them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import openai
import pytest
from openai.types import Completion
from openai.types.responses import Response
from prometheus_client.parser import text_string_to_metric_families
from scripted import REPLY, Scripted, Served, served
from test_chat_completions import picture

BACKEND = Scripted()


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(BACKEND) as one:
        yield one


@pytest.fixture(scope="module")
def client(server: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)


INPUT = [
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "Point to the cups."},
            {"type": "input_image", "image_url": picture(), "detail": "high"},
        ],
    }
]


def test_a_response(client: openai.OpenAI) -> None:
    got = client.responses.create(
        model="nano",
        input=INPUT,
        instructions="Be short.",
        max_output_tokens=40,
        include=["message.output_text.logprobs"],
        top_logprobs=1,
        store=False,
        metadata={"a": "b"},
    )  # type: ignore[call-overload]
    Response.model_validate(got.model_dump(exclude={"output": {0: {"openmolmo"}}}))
    assert got.output_text == REPLY and got.status == "completed"
    assert got.usage.input_tokens == 7 and got.usage.output_tokens == len(REPLY.split(" "))
    assert len(got.output[0].content[0].logprobs) == len(REPLY.split(" "))
    assert len(got.output[0].model_extra["openmolmo"]["points"]) == 2
    assert BACKEND.asked[-1].request.text == "Be short.\nPoint to the cups.<|image|>"
    cut = client.responses.create(model="nano", input="Hello", max_output_tokens=2)
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")  # type: ignore[union-attr]


def test_a_response_in_events(client: openai.OpenAI) -> None:
    with client.responses.stream(model="nano", input="Hello") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert final.output_text == REPLY
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
    ]  # fmt: skip
    assert kinds[-4:] == [
        "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == REPLY


def test_completions_of_texts_and_tokens(client: openai.OpenAI) -> None:
    got = client.completions.create(model="nano", prompt=["One", "Two"], max_tokens=3, logprobs=1, n=2, seed=5)
    Completion.model_validate(got.model_dump(), strict=True)
    assert [choice.text for choice in got.choices] == [" ".join(REPLY.split(" ")[:3])] * 4
    assert {choice.finish_reason for choice in got.choices} == {"length"}
    assert [asked.prompt_ids for asked in BACKEND.asked[-4:]] == [(2, *b"One")] * 2 + [(2, *b"Two")] * 2
    client.completions.create(model="nano", prompt="One", extra_body={"add_special_tokens": False})
    assert BACKEND.asked[-1].prompt_ids == tuple(b"One")
    pieces = list(client.completions.create(model="nano", prompt=[72, 105], max_tokens=30, stream=True))
    assert "".join(piece.choices[0].text for piece in pieces) == REPLY
    assert BACKEND.asked[-1].prompt_ids == (72, 105)


def test_tokens_health_and_version(server: Served) -> None:
    with httpx2.Client(base_url=server.address) as client:
        assert client.post("/tokenize", json={"model": "nano", "prompt": "Hi"}).json() == {
            "count": 3, "max_model_len": None, "tokens": [2, 72, 105], "token_strs": None,
        }  # fmt: skip
        plain = client.post("/tokenize", json={"prompt": "Hi", "add_special_tokens": False}).json()
        assert plain["tokens"] == [72, 105]
        assert client.post("/detokenize", json={"tokens": [72, 105]}).json() == {"prompt": "Hi"}
        assert client.get("/health").status_code == 200
        assert client.get("/version").json()["version"]


def test_figures_under_our_names_and_vllms(server: Served) -> None:
    with httpx2.Client(base_url=server.address) as client:
        client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "Hi"}]})
        families = {one.name: one for one in text_string_to_metric_families(client.get("/metrics").text)}
    for name in (
        "num_requests_running",
        "num_requests_waiting",
        "prompt_tokens",
        "generation_tokens",
        "time_to_first_token_seconds",
        "inter_token_latency_seconds",
        "e2e_request_latency_seconds",
    ):
        assert families[f"vllm:{name}"].samples, name
    (slots,) = families["openmolmo_slots"].samples
    assert (slots.labels, slots.value) == ({"model_name": "nano"}, 4)
    (written,) = (one for one in families["vllm:generation_tokens"].samples if one.name.endswith("_total"))
    assert written.value >= len(REPLY.split(" "))
