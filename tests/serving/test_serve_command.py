"""``openmolmo serve`` as a process of its own, asked by OpenAI's own client."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import httpx2
import openai
import pytest
from click.testing import CliRunner

import openmolmo
from openmolmo.cli import cli
from openmolmo.core.errors import ConfigError
from openmolmo.serving.openai.server import listen
from openmolmo.serving.starting import named_models
from openmolmo.words.requests import Request

STARS = files("openmolmo.engine.studio.sample").joinpath("stars.jpg").read_bytes()


@contextlib.contextmanager
def serving(*arguments: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the address that it says."""
    command = [sys.executable, "-m", "openmolmo", "serve", "--port", "0", "--no-open", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"at (http://[\d.:]+)/v1", line)
            assert found, (line, (folder / "log").read_text())
            yield process, found[1]
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving("nano", "again=nano", folder=tmp_path_factory.mktemp("served")) as (_, address):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(httpx2.TransportError):
                if httpx2.get(f"{address}/health").status_code == 200:
                    break
            time.sleep(0.1)
        yield address


def messages(question: str) -> list[dict[str, object]]:
    url = "data:image/jpeg;base64," + base64.b64encode(STARS).decode()
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]
    return [{"role": "user", "content": content}]


@pytest.mark.slow
def test_openais_client_gets_what_the_library_answers(running: str) -> None:
    client = openai.OpenAI(base_url=f"{running}/v1", api_key="none", max_retries=0, timeout=120)
    question = "Point to the stars."
    expected = openmolmo.load("nano").answer_batch([Request(text=question, images=(STARS,))])[0]
    chat = client.chat.completions.create(model="nano", messages=messages(question), logprobs=True, top_logprobs=3)  # type: ignore[arg-type]
    (choice,) = chat.choices
    assert choice.message.content == expected.text
    found = choice.message.model_extra["openmolmo"]  # type: ignore[index]
    assert [(p["x"], p["y"]) for p in found["points"]] == [(p.x, p.y) for p in expected.points]
    assert found["count"] == expected.count and len(expected.points) > 1
    tokens = choice.logprobs.content  # type: ignore[union-attr]
    assert tokens and all(
        token.logprob <= 0 and token.top_logprobs[0].logprob >= token.logprob - 1e-6 for token in tokens
    )
    stream = client.chat.completions.create(model="again", messages=messages(question), stream=True)  # type: ignore[arg-type]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == expected.text
    response = client.responses.create(
        model="nano",
        input=[{"role": "user", "content": [
            {"type": "input_image", "image_url": messages("")[0]["content"][0]["image_url"]["url"], "detail": "auto"},  # type: ignore[index]
            {"type": "input_text", "text": question},
        ]}],  # type: ignore[list-item]
    )  # fmt: skip
    assert response.output_text == expected.text
    begun = expected.text[: expected.text.index('" x2="')]
    going_on = client.chat.completions.create(
        model="nano",
        messages=[*messages(question), {"role": "assistant", "content": begun}],  # type: ignore[list-item]
        extra_body={"continue_final_message": True},
    )
    assert begun + (going_on.choices[0].message.content or "") == expected.text
    several = client.chat.completions.create(
        model="nano", messages=messages("What is it?"), n=3, temperature=1.0, seed=1, max_tokens=8
    )  # type: ignore[arg-type]
    assert len({one.message.content for one in several.choices}) > 1
    again = client.chat.completions.create(
        model="nano", messages=messages("What is it?"), n=3, temperature=1.0, seed=1, max_tokens=8
    )  # type: ignore[arg-type]
    assert [one.message.content for one in again.choices] == [one.message.content for one in several.choices]
    _, *ids = httpx2.post(f"{running}/tokenize", json={"prompt": "red star"}).json()["tokens"]  # after BOS
    assert httpx2.post(f"{running}/detokenize", json={"tokens": ids}).json() == {"prompt": "red star"}
    assert client.completions.create(model="nano", prompt="The picture", max_tokens=4).choices[0].text
    with pytest.raises(openai.BadRequestError, match="context has 2048"):
        client.chat.completions.create(model="nano", messages=[{"role": "user", "content": "star " * 3000}])
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])


@pytest.mark.slow
def test_quantised_weights_answer_as_those_of_the_library_do(tmp_path: Path) -> None:
    pytest.importorskip("torchao", reason="the extra quantize is not installed")
    expected = openmolmo.load("nano", quantize="int8").answer_batch(
        [Request(text="Point to the stars.", images=(STARS,))]
    )
    with serving("nano", "--quantize", "int8", folder=tmp_path) as (_, address):
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=5, timeout=120)
        chat = client.chat.completions.create(model="nano", messages=messages("Point to the stars."))  # type: ignore[arg-type]
    assert chat.choices[0].message.content == expected[0].text


@pytest.mark.slow
def test_a_signal_lets_running_replies_end_and_refuses_new_ones(tmp_path: Path) -> None:
    with serving("nano", "--stop-seconds", "20", folder=tmp_path) as (process, address):
        got: list[str] = []
        begun = threading.Event()

        def ask() -> None:
            client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=3, timeout=120)
            stream = client.chat.completions.create(
                model="nano", messages=messages("Describe it."), stream=True, temperature=1.0, max_tokens=400, seed=2
            )  # type: ignore[arg-type]
            for chunk in stream:
                begun.set()
                got.append(chunk.choices[0].finish_reason or "")

        thread = threading.Thread(target=ask)
        thread.start()
        assert begun.wait(90)
        with httpx2.Client(base_url=address) as client:
            client.get("/version")
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            refused = client.get("/v1/models")
        thread.join(60)
        assert got[-1] in ("stop", "length")
        assert process.wait(30) == 0
    if refused.status_code != 200:  # where the reply was quicker than the signal there was nothing to wait for
        assert refused.status_code == 503 and refused.headers["Retry-After"]
        assert refused.json()["error"]["code"] == "stopping"
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_taken_port_and_wrong_names_are_told_in_sentences() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"cannot listen at 127.0.0.1:{port}") as told:
            listen("127.0.0.1", port)
        assert "--port" in str(told.value)
    assert named_models([]) == {"nano": "nano"}
    assert named_models(["a=nano", "OWNER/NAME"]) == {"a": "nano", "OWNER/NAME": "OWNER/NAME"}
    for wrong in (["nano", "nano"], ["=nano"], ["a="]):
        with pytest.raises(ConfigError):
            named_models(wrong)


def test_keys_on_the_command_line(tmp_path: Path) -> None:
    file = str(tmp_path / "keys.jsonl")
    run = CliRunner()
    made = run.invoke(cli, ["serve", "keys", "add", "ada", "--file", file])
    assert made.exit_code == 0 and made.output.startswith("sk-")
    assert "ada" in run.invoke(cli, ["serve", "keys", "list", "--file", file]).output
    assert run.invoke(cli, ["serve", "keys", "remove", "ada", "--file", file]).exit_code == 0
    empty = run.invoke(cli, ["serve", "--api-keys", file, "--port", "0", "--no-open"])
    assert isinstance(empty.exception, ConfigError) and "there is no key" in str(empty.exception)


def test_vllm_gets_the_options_that_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, SimpleNamespace]] = []
    launch = SimpleNamespace(VllmOptions=SimpleNamespace, run_vllm=lambda *given: started.append(given))
    monkeypatch.setitem(sys.modules, "openmolmo.serving.vllm", SimpleNamespace(launch=launch))
    monkeypatch.setitem(sys.modules, "openmolmo.serving.vllm.launch", launch)
    words = ["serve", "--engine", "vllm", "m=runs/a", "--port", "9", "--api-key", "k", "--allow-url", "a.example"]
    assert CliRunner().invoke(cli, words).exit_code == 0
    ((model, options),) = started
    assert (model, options.name, options.port, options.api_key, options.fetch) == (
        "runs/a",
        "m",
        9,
        "k",
        ("a.example",),
    )
    for more in (["b"], ["--api-keys", "file"], ["--quantize", "int8"]):
        assert isinstance(CliRunner().invoke(cli, [*words, *more]).exception, ConfigError)
