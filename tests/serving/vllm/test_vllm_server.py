"""vLLM's own server with the plug-in, started as ``openmolmo serve --engine vllm`` does; it takes a minute to start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import served_toys as toys
from starlette.testclient import TestClient

import openmolmo
from openmolmo.serving.local import LocalBackend
from openmolmo.serving.openai import create_app
from openmolmo.words.requests import Request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KEY = "a key"
CODE = (
    "import json, sys\n"
    "from openmolmo.serving.vllm.launch import VllmOptions, run_vllm\n"
    "run_vllm(sys.argv[1], VllmOptions(**json.loads(sys.argv[2])))\n"
)
PICTURE = toys.picture(60, 90)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toys.folder(tmp_path_factory.mktemp("served") / "model")


@pytest.fixture(scope="module")
def vllm_server(vllm_python, folder, tmp_path_factory):
    """Its address."""
    port, log = free_port(), tmp_path_factory.mktemp("log") / "server.txt"
    options = {"port": port, "name": "toy", "dtype": "float32", "api_key": KEY, "more": ["--enforce-eager"]}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    with log.open("wb") as stream:
        command = [str(vllm_python), "-c", CODE, str(folder), json.dumps(options)]
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream, start_new_session=True)
    try:
        until = time.monotonic() + 600
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None and time.monotonic() < until, log.read_text()[-4000:]
            time.sleep(1)
        yield f"http://127.0.0.1:{port}"
        assert "Resolved architecture: OpenMolmo" in log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def answers(address):
    try:
        return urllib.request.urlopen(address, timeout=5).status == 200
    except OSError:
        return False


def post(address, body, key=KEY):
    """(status, JSON of the reply)."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def streamed(lines):
    """Values of a stream of events, which must end as OpenAI's do."""
    told = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert told[-1] == "[DONE]"
    return [json.loads(one) for one in told[:-1]]


def post_stream(address, body, key=KEY):
    """(status, type, events of the reply, or what was said in place of it)."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            return reply.status, reply.headers.get_content_type(), streamed(reply.read().decode().split("\n"))
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), [json.load(error)]


def chat(*messages, **more):
    return {"model": "toy", "messages": list(messages), "temperature": 0, "max_tokens": 8, **more}


def test_answers_are_those_of_predictor_and_what_is_wrong_is_said(vllm_server, folder):
    predictor = openmolmo.load(folder, dtype="float32", max_new_tokens=8)
    url = f"{vllm_server}/v1/chat/completions"
    for text, pictures in (
        ("What is <im_patch>?", (PICTURE,)),
        ("Two?", (PICTURE, toys.picture(80, 50, 2))),
        ("Hi", ()),
    ):
        status, reply = post(url, chat(toys.message(text, *pictures)))
        assert status == 200, reply
        (wanted,) = predictor.answer_batch([Request(text=text, images=pictures)])
        # vLLM leaves out half a character at the end of what was cut.
        assert reply["choices"][0]["message"]["content"].strip() == wanted.text.rstrip("\ufffd")
    elsewhere = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/a.png"}}
    refused = [
        (chat({"role": "user", "content": [elsewhere]}), "allowed domains"),
        (chat(toys.message("Is <|image|> one?")), "send the picture as a part"),
        (chat(toys.message("What?", b"no picture")), "image"),
    ]
    for body, why in refused:
        status, reply = post(url, body)
        assert status == 400 and why in reply["error"]["message"], reply
    assert post(url, chat(toys.message("Hi")), key="another")[0] == 401
    assert post(url, chat(toys.message("Hi")))[0] == 200  # nobody was disturbed


ASKED = {
    "chat": ("/v1/chat/completions", chat(toys.message("What?", PICTURE), logprobs=True, top_logprobs=2)),
    "completion": ("/v1/completions", {"model": "toy", "prompt": "Only", "temperature": 0, "max_tokens": 2}),
    "tokens": ("/tokenize", {"model": "toy", "prompt": "Only words"}),
    "unknown model": ("/v1/chat/completions", chat(toys.message("Hi"), model="another")),
    "empty": ("/v1/chat/completions", chat()),
}
_CHOICE, _MESSAGE = ".choices[]", ".choices[].message"
VLLM_ALONE = {
    *(f".{name}" for name in ("ec_transfer_params", "kv_transfer_params", "metrics", "prompt_logprobs", "prompt_text")),
    *(f".{name}" for name in ("prompt_token_ids", "service_tier", "system_fingerprint")),
    *(f"{_CHOICE}.{name}" for name in ("prompt_logprobs", "prompt_token_ids", "routed_experts", "stop_reason")),
    f"{_CHOICE}.token_ids",
    *(f"{_MESSAGE}.{name}" for name in ("annotations", "audio", "function_call", "reasoning")),
}
"""Keys that vLLM adds, or gives as null, and we do not have."""

_DELTA = f"{_CHOICE}.delta"
VLLM_ALONE |= {
    f"{_DELTA}.{name}" for name in ("reasoning", "reasoning_content", "tool_calls", "function_call", "refusal")
}

OURS_ALONE = {
    *(f"{_DELTA}.openmolmo{more}" for more in ("", ".count", ".dropped", ".points")),
    f"{_MESSAGE}.openmolmo",
    *(f"{_MESSAGE}.openmolmo.{name}" for name in ("count", "dropped", "points")),
    f"{_CHOICE}.logprobs.refusal",  # of OpenAI's form
}
FILLED = {
    *(f"{_CHOICE}.logprobs.content[].{name}" for name in ("bytes[]", "top_logprobs[].bytes[]")),
    ".usage.completion_tokens_details",
    ".usage.prompt_tokens_details",
    ".usage.prompt_tokens_details.cached_tokens",
}
"""What one of the two may leave empty."""


def paths(value, before=""):
    if isinstance(value, list):
        return {path for each in value[:1] for path in paths(each, f"{before}[]")}
    if not isinstance(value, dict) or before.endswith(".logprobs.top_logprobs[]"):  # completions: texts of tokens
        return {before}
    return {path for key, each in value.items() for path in ({f"{before}.{key}"} | paths(each, f"{before}.{key}"))}


def test_our_replies_have_the_keys_of_vllm_s(vllm_server, folder):
    with TestClient(create_app({"toy": LocalBackend.open(str(folder), dtype="float32")}), "http://127.0.0.1") as client:
        for name, (path, body) in ASKED.items():
            status, reply = post(vllm_server + path, body)
            own = client.post(path, json=body)
            assert own.status_code == status, name
            theirs, ours = paths(reply), paths(own.json())
            assert theirs - ours <= VLLM_ALONE | FILLED, name
            assert ours - theirs <= OURS_ALONE | FILLED, name


STREAMED = {
    "chat": ("/v1/chat/completions", chat(toys.message("What?", PICTURE), logprobs=True, top_logprobs=2)),
    "chat without": ("/v1/chat/completions", chat(toys.message("Only words"))),
    "completion": ("/v1/completions", {"model": "toy", "prompt": "Only", "temperature": 0, "max_tokens": 4}),
    "completion with": (
        "/v1/completions",
        {"model": "toy", "prompt": "Only", "max_tokens": 4, "logprobs": 2, "temperature": 0},
    ),
    "unknown model": ("/v1/chat/completions", chat(toys.message("Hi"), model="another")),
    "too long": ("/v1/chat/completions", chat(toys.message("star " * 3000))),
}


def test_our_streams_have_the_keys_the_order_and_the_words_of_vllm_s(vllm_server, folder):
    """The same text in deltas, a role first, a reason at the end, the usage after it with no choice."""
    faults = []
    with TestClient(create_app({"toy": LocalBackend.open(str(folder), dtype="float32")}), "http://127.0.0.1") as client:
        for name, (path, body) in STREAMED.items():
            body = {**body, "stream": True, "stream_options": {"include_usage": True}}
            status, kind, theirs = post_stream(vllm_server + path, body)
            own = client.post(path, json=body)
            if (own.status_code, own.headers["content-type"].partition(";")[0]) != (status, kind):
                faults.append((name, own.status_code, status, kind))
                continue
            ours = streamed(own.text.split("\n")) if status == 200 else [own.json()]
            keys = [{path for value in values for path in paths(value)} for values in (theirs, ours)]
            more = (keys[0] - keys[1] - VLLM_ALONE - FILLED, keys[1] - keys[0] - OURS_ALONE - FILLED)
            if any(more):
                faults.append((name, more))
            if status == 200 and told_by(ours) != told_by(theirs):
                faults.append((name, told_by(ours), told_by(theirs)))
    assert not faults, faults


def told_by(chunks):
    """What a client makes of a stream."""
    *choices, usage = chunks
    parts = [chunk["choices"][0] for chunk in choices]
    words = [part["delta"].get("content") or "" if "delta" in part else part["text"] for part in parts]
    return {
        "role": parts[0].get("delta", {}).get("role"),
        "text": "".join(words).rstrip("\ufffd"),
        "reasons": [part["finish_reason"] for part in parts if part["finish_reason"]],
        "ends": parts[-1]["finish_reason"],
        "usage": {name: usage["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
        "choices beside it": usage["choices"],
    }
