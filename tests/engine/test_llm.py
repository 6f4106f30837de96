"""Text-only language models: every fault is got over, nothing is asked twice, and no picture leaves."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from fake_llm_server import FakeLLMServer
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from openmolmo.core.errors import ConfigError, DataError, NotRegisteredError, PromptError, RunError
from openmolmo.engine.llm import (
    LLM,
    Failure,
    LLMFailed,
    PictureRefused,
    Reply,
    Request,
    all_or_raise,
    asking,
    parse_llm,
    prompts,
)
from openmolmo.engine.llm.cache import Cache
from openmolmo.engine.llm.commands import llm as command
from openmolmo.engine.llm.json_reply import NotTheJson, read_json
from openmolmo.engine.llm.origin import host_class
from openmolmo.engine.llm.providers.mock import MockProvider
from openmolmo.engine.llm.request import Call
from openmolmo.engine.llm.settings import LLMSettings
from openmolmo.engine.llm.text_only import plain_messages
from openmolmo.pictures.formats import FORMATS
from openmolmo.records import write_dataset
from openmolmo.records.audit import audit_dataset
from openmolmo.records.check import check_dataset
from openmolmo.records.example import Caption, Example, Provenance

SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "integer"}, "note": {"type": "string"}},
    "required": ["number", "note"],
    "additionalProperties": False,
}


def numbered(body: dict[str, Any]) -> str:
    """A reply that belongs to its request and to no other."""
    first = next(one["content"] for one in body["messages"] if one["content"].startswith("number "))
    return json.dumps({"number": int(first.split()[1]), "note": "so it is"})


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_FIRST_PAUSE", 0.01)


def requests(count: int) -> list[Request]:
    return [Request.of(f"number {index} please", schema=SCHEMA) for index in range(count)]


def test_three_hundred_calls_through_every_fault_and_a_rerun_asks_nothing(tmp_path: Path) -> None:
    faults = {"busy": 0.09, "server": 0.06, "bad_json": 0.04, "half_json": 0.02, "timeout": 0.01, "html": 0.01}
    faults |= {"cut_body": 0.01, "reset": 0.01, "fenced": 0.05}
    with FakeLLMServer(reply=numbered, faults=faults, slow=2.0) as server:
        chosen = parse_llm(server.line(), ["timeout=0.8", "concurrency=32"], cache=tmp_path / "a.sqlite")
        with LLM(chosen) as llm:
            replies = all_or_raise(llm.complete_many(requests(300)))
        assert [reply.value["number"] for reply in replies] == list(range(300))
        assert all(server.played[fault] for fault in faults), server.played
        assert llm.usage.retries >= server.played["busy"] + server.played["server"]
        assert llm.usage.asked_again >= server.played["bad_json"] / 2
        assert llm.usage.completion_tokens > 0 and not llm.usage.failures
        asked = len(server.bodies)
        with LLM(chosen) as again:
            assert all(reply.cached for reply in all_or_raise(again.complete_many(requests(300))))
        assert len(server.bodies) == asked
        assert (again.usage.calls, again.usage.cache_hits) == (0, 300)


PROGRAM = """
import sys
from pathlib import Path
from openmolmo.engine.llm import LLM, Request, parse_llm
with LLM(parse_llm(sys.argv[1], ["concurrency=4"], cache=Path(sys.argv[2]))) as llm:
    for index, reply in llm.as_completed(Request.of(f"number {n} please") for n in range(80)):
        print(index, flush=True)
"""


def test_killed_in_the_middle_loses_no_answer_that_was_handed_on(tmp_path: Path) -> None:
    with FakeLLMServer(wait=0.05) as server:
        command = [sys.executable, "-c", PROGRAM, server.line(), str(tmp_path / "a.sqlite")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        told = {int(process.stdout.readline()) for _ in range(15)}
        os.kill(process.pid, signal.SIGKILL)
        told |= {int(line) for line in process.stdout.read().split()}
        process.wait()
        server.wait = 0.0
        with LLM(parse_llm(server.line(), cache=tmp_path / "a.sqlite")) as llm:
            replies = all_or_raise(llm.complete_many(Request.of(f"number {n} please") for n in range(80)))
        assert 15 <= len(told) < 80
        assert told <= {index for index, reply in enumerate(replies) if reply.cached}
        assert len(server.bodies) <= 80 + 4  # those in flight are asked again


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(200))).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(200))).decode()
PICTURES: dict[str, Any] = {
    "a part": [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
    ],
    "a part of the other protocol": [{"type": "input_image", "image_url": "https://a.example/b.png"}],
    "a part of a third": [{"type": "image", "source": {"type": "base64", "data": "AAAA"}}],
    "a file": [{"type": "input_file", "file_data": "..."}],
    "sound": [{"type": "input_audio", "input_audio": {"data": "..."}}],
    "text with more": [{"type": "text", "text": "What?", "image": "..."}],
    "bytes": b"\x89PNG",
    "bytes in a list": [b"\x89PNG"],
    "an array": np.zeros((2, 2, 3), np.uint8),
    "a data URL": f"Look: data:image/png;base64,{PNG} - what is it?",
    "a data URL in a part": [{"type": "text", "text": f"![x](data:image/jpeg;base64,{JPEG})"}],
    "a data URL in capitals": f"DATA:IMAGE/PNG;BASE64,{PNG}",
    "a data URL with a parameter": f"data:image/svg+xml;charset=utf-8;base64,{PNG}",
    "a data URL in escapes": f"data%3Aimage%2Fpng%3Bbase64%2C{PNG}",
    "a data URL in entities": f"data&#58;image/png;base64,{PNG}",
    "a data URL with invisible signs": f"da\u200bta:image/p\u2060ng;base64,{PNG}",
    "a data URL in wide letters": f"\uff44\uff41\uff54\uff41:image/png;base64,{PNG}",
    "a data URL in several lines": f"data:image/png;\n base64,\n{PNG[:40]}\n{PNG[40:]}",
    "markup in a data URL": "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E",
    "base64 alone": f"The picture is {JPEG}",
    "base64 in lines": "\n".join(PNG[start : start + 76] for start in range(0, len(PNG), 76)),
}
TEXTS = [
    "What is in the file data:image, or in metadata: image/png, 300 KB?",
    "See https://example.com/picture.png and <img src='picture.png'>.",
    "base64, data; and JPEG (PNG, GIF) are words.",
    "Donaudampfschifffahrtsgesellschaft" * 20,
    "sha256 " + "0f3a9b" * 40,
    "100 % of 50% &amp; more, data: 1;2;3, base64",
    "Quoth the raven Qk " * 40,
    "A" * 200_000 + "=",
    "data:;" * 50_000,
]


@pytest.mark.parametrize("content", PICTURES.values(), ids=PICTURES)
def test_a_picture_in_a_message_is_refused_before_anything_leaves(content: object) -> None:
    provider = MockProvider()
    request = Request(messages=[{"role": "user", "content": content}])
    with LLM(LLMSettings(provider="mock"), provider=provider) as llm:
        with pytest.raises(PictureRefused, match="vision-language model") as refused:
            llm.complete(request)
        assert refused.value.fix is not None and "words" in refused.value.fix
        first, second = llm.complete_many([request, Request.of("What is written?")])
    assert isinstance(first, Failure) and first.kind == "picture"
    assert isinstance(second, Reply)
    assert [call.messages[0]["content"] for call in provider.calls] == ["What is written?"]


def test_pictures_elsewhere_in_a_request_are_refused_and_plain_texts_are_not() -> None:
    url = f"data:image/png;base64,{PNG}"
    with LLM(LLMSettings(provider="mock", extra={"images": [url]})) as llm, pytest.raises(PictureRefused):
        llm.complete(Request.of("What?"))
    with LLM(LLMSettings(provider="mock")) as llm:
        for others in ({"context": {"picture": b"\xff\xd8"}}, {"schema": {"type": "string", "description": url}}):
            with pytest.raises(PictureRefused):
                llm.complete(Request.of("What?", **others))
        with pytest.raises(PictureRefused, match="images"):
            llm.complete(Request(messages=[{"role": "user", "content": "What?", "images": ["..."]}]))
        with pytest.raises(PromptError, match="no messages"):
            llm.complete(Request(messages=[]))
    for text in TEXTS:
        assert plain_messages([{"role": "user", "content": text}]) == [{"role": "user", "content": text}]


def test_every_format_of_pictures_is_known_as_base64() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    for name in (*FORMATS, "PDF"):
        stream = io.BytesIO()
        Image.fromarray(noise).save(stream, name)
        for data in (base64.b64encode(stream.getvalue()), base64.urlsafe_b64encode(stream.getvalue())):
            with pytest.raises(PictureRefused, match="as base64"):
                plain_messages([{"role": "user", "content": f"see {data.decode()} there"}])


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from([PNG, JPEG]))
@settings(max_examples=20)
def test_no_words_around_it_hide_a_data_url(before: str, after: str, data: str) -> None:
    with pytest.raises(PictureRefused):
        plain_messages([{"role": "user", "content": f"{before} data:image/png;base64,{data} {after}"}])


# ------------------------------------------------------------------------------- servers in trouble


def failure(line: str, *assignments: str) -> Failure:
    with LLM(parse_llm(line, ["retries=0", "timeout=0.4", *assignments])) as llm:
        (found,) = llm.complete_many([Request.of("Hello", schema=SCHEMA if "json" in assignments else None)])
    assert isinstance(found, Failure)
    return found


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_down_slow_or_talks_nonsense_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = closed_port()
    down = failure(f"openai:m@http://127.0.0.1:{port}/v1")
    assert down.kind == "unreachable" and f"127.0.0.1:{port}" in down.message and "start the server" in str(down.fix)
    monkeypatch.setenv("WRONG_KEY", "secret-that-is-wrong")
    with FakeLLMServer(key="right", slow=1.0) as server:
        wrong = failure(server.line(), "api_key_env=WRONG_KEY")
        assert wrong.kind == "key" and "WRONG_KEY" in wrong.message and "secret" not in str(wrong)
        assert failure(server.line()).message.endswith("no key was sent")
        server.key = None
        other = failure(server.line("gpt-9"))
        assert other.kind == "model" and "gpt-9" in other.message and "/v1/models" in str(other.fix)
        cases = {
            "timeout": ("slow", "within 0.4 s"),
            "html": ("nonsense", "Bad gateway"),
            "cut_body": ("nonsense", "sent"),
        }
        cases |= {"busy": ("busy", "429"), "server": ("server", "500"), "reset": ("unreachable", "answers at")}
        for fault, (kind, words) in cases.items():
            server.faults = {fault: 1.0}
            found = failure(server.line())
            assert (found.kind, words in found.message) == (kind, True), (fault, found)
            assert found.fix and "Traceback" not in str(found)
        server.faults = {}
        server.reply = lambda body: "I would rather not."
        with LLM(parse_llm(server.line(), cache=tmp_path / "a.sqlite")) as llm:
            with pytest.raises(LLMFailed, match=r"no JSON in it, but 'I would rather not\.") as refused:
                llm.complete(Request.of("Hello", schema=SCHEMA))
            assert refused.value.failure.kind == "schema"
            assert llm.complete(Request.of("Hello")).text == "I would rather not."  # as a text it is an answer
    (spent,) = Cache(tmp_path / "a.sqlite").spent()
    assert (spent.answers, spent.failures) == (1, 1)


def test_where_all_would_meet_the_same_the_rest_is_not_tried() -> None:
    with LLM(parse_llm(f"openai:m@http://127.0.0.1:{closed_port()}/v1", ["retries=0", "concurrency=2"])) as llm:
        found = llm.complete_many(Request.of(str(n)) for n in range(1000))
    assert len(found) == 1000
    kinds = [one.kind for one in found if isinstance(one, Failure)]
    assert len(kinds) == 1000 and kinds.count("unreachable") <= 8 and "not-tried" in kinds
    with pytest.raises(RunError, match="1000 of 1000 requests failed, the first so: no language model answers"):
        all_or_raise(found)


@pytest.mark.parametrize("schemas", ["held", "ignored", "refused"])
def test_a_server_is_tried_once_for_schemas_and_asked_in_words_where_it_has_none(schemas: Any, tmp_path: Path) -> None:
    with FakeLLMServer(schemas=schemas) as server:
        chosen = parse_llm(server.line(), cache=tmp_path / "a.sqlite")
        for _ in range(2):
            with LLM(chosen) as llm:
                replies = all_or_raise(llm.complete_many(requests(5)))
                assert llm.holds_to_schemas() == (schemas == "held")
                assert all(reply.value == {"number": 0, "note": "mock"} for reply in replies)
        probes = sum(body["messages"][-1]["content"] == "Say hello in one word." for body in server.bodies)
        assert probes == {"held": 1, "ignored": 2, "refused": 1}[schemas]
        assert len(server.bodies) == probes + 5
        assert ("response_format" in server.bodies[-1]) == (schemas == "held")


# ------------------------------------------------------------------------------- replies, cache, mock


def test_json_is_found_among_words_mended_where_that_is_safe_and_never_made_up() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array"}, "b": {"type": "string"}}}
    value = {"a": [1, 2], "b": "x } y"}
    text = json.dumps(value)
    for said in (text, f"```json\n{text}\n```", f"Sure!\n{text}\nBye.", f"<think>{{no</think>{text}"):
        assert read_json(said, schema) == (value, False)
    for slip in ("{'a': [1, 2], 'b': 'z'}", '{"a": [1, 2,], "b": "z",}', '{"a": [1, 2], // two\n "b": "z"}'):
        assert read_json(slip, schema) == ({"a": [1, 2], "b": "z"}, True)
    for end in range(1, len(text)):
        with pytest.raises(NotTheJson):
            read_json(text[:end], schema)
    with pytest.raises(NotTheJson, match=r"\['a'\] does not fit the schema"):
        read_json('{"a": "none"}', schema)


def test_the_key_of_an_answer_is_the_whole_request_and_not_how_fast_it_is_asked(tmp_path: Path) -> None:
    provider = MockProvider()
    base = LLMSettings(provider="mock", model="m", cache=tmp_path / "a.sqlite")

    def ask(chosen: LLMSettings, request: Request) -> Reply:
        with LLM(chosen, provider=provider) as llm:
            return llm.complete(request)

    first = ask(base, Request.of("Hello"))
    same = [base.replace(timeout=9.0, retries=1, concurrency=2, json_mode="prompt")]
    others = [base.replace(temperature=0.7), base.replace(seed=1), base.replace(model="n"), base.replace(max_tokens=9)]
    others += [base.replace(extra={"top_p": 0.5}), base.replace(base_url="http://localhost:1/v1")]
    assert all(ask(one, Request.of("Hello")).cached for one in same)
    assert not any(ask(one, Request.of("Hello")).cached for one in others)
    asked = [Request.of("Hello!"), Request.of("Hello", sample=1), Request.of("Hello", schema=SCHEMA)]
    keys = {ask(base, one).origin.request_sha256 for one in asked} | {first.origin.request_sha256}
    assert len(keys) == 4
    before = len(provider.calls)
    with LLM(base.replace(seed=5), provider=provider) as llm:  # twenty who want the same at once wait for one answer
        assert len({reply.text for reply in all_or_raise(llm.complete_many([Request.of("Hi")] * 20))}) == 1
    assert len(provider.calls) == before + 1


def test_the_mock_provider_plays_faults_that_are_the_same_in_every_run() -> None:
    def run() -> tuple[list[Any], dict[str, Any]]:
        faults = {"busy": 0.1, "server": 0.1, "timeout": 0.05, "bad_json": 0.05, "half_json": 0.05}
        provider = MockProvider(reply=lambda call: numbered({"messages": call.messages}), faults=faults)
        with LLM(LLMSettings(provider="mock", retries=8), provider=provider) as llm:
            values = [reply.value for reply in all_or_raise(llm.complete_many(requests(40)))]
        counts = llm.usage.to_dict()
        del counts["seconds"]
        return values, counts

    first, second = run(), run()
    assert first == second and first[1]["retries"] > 0 and first[1]["asked_again"] > 0
    assert [value["number"] for value in first[0]] == list(range(40))


def test_a_file_that_is_no_cache_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, though it is long enough to look at\n" * 30)
    with pytest.raises(DataError, match=r"notes\.txt cannot be used as a file of answers"):
        LLM(LLMSettings(provider="mock", cache=tmp_path / "notes.txt"))
    with pytest.raises(RunError, match="is a folder"):
        LLM(LLMSettings(provider="mock", cache=tmp_path))


def test_a_text_is_what_was_said_without_what_was_thought() -> None:
    said = {"plain": "Red.", "thought": "<think>is it?\n</think>\n\nRed.", "half": "is it?</think>Red."}
    with LLM(LLMSettings(provider="mock"), provider=MockProvider(replies=said)) as llm:
        assert {llm.complete(Request.of(name)).text for name in said} == {"Red."}
    with LLM(LLMSettings(provider="mock"), provider=MockProvider(replies=["<think>hm", " "])) as llm:
        assert [one.kind for one in llm.complete_many([Request.of("a"), Request.of("b")])] == ["empty", "empty"]


def test_without_a_model_functions_answer_from_what_is_known(tmp_path: Path) -> None:
    answer = prompts.load("answer@1")
    assert [one["role"] for one in answer.messages({"question": "?", "caption": "", "ocr": []})] == ["system", "user"]
    with pytest.raises(PromptError, match=r"answer@1 cannot be filled in: 'caption' is undefined"):
        answer.request(question="?")
    with pytest.raises(ConfigError, match=r"no prompt 'answer@99'") as error:
        prompts.load("answer@99")
    assert "answer@1" in str(error.value.fix)
    known = {"caption": "A red bus stands at a stop. Two people wait.", "ocr": ["Route 7", "City Hall"]}
    asked = {
        "What colour is the bus?": "A red bus stands at a stop.",
        "How many people wait?": "Two people wait.",
        "Which route is it?": 'It says "Route 7".',
        "What does the text say?": "It says: Route 7; City Hall.",
        "Is there a dog?": "What is known of the picture does not say.",
    }
    with LLM(LLMSettings(provider="template", cache=tmp_path / "a.sqlite")) as llm:
        replies = all_or_raise(llm.complete_many(answer.request(question=one, **known) for one in asked))
        assert [reply.text for reply in replies] == list(asked.values())
        assert {str(reply.origin.made) for reply in replies} == {"program"}
        assert replies[0].origin.prompt == "answer@1" and replies[0].origin.prompt_sha256 == answer.sha256
        with pytest.raises(LLMFailed, match="no answer to the purpose 'sing'"):
            llm.complete(answer.request(purpose="sing", question="?", **known))


def test_commands_ask_check_and_say_what_it_cost(tmp_path: Path) -> None:
    answers, schema = tmp_path / "a.sqlite", tmp_path / "schema.json"
    schema.write_text(json.dumps(SCHEMA))

    def said(*words: str) -> Any:
        done = CliRunner().invoke(command, [*words, "--json"])
        assert done.exit_code == 0, (done.output, done.exception)
        return json.loads(done.stdout)

    with FakeLLMServer(schemas="ignored") as server:
        named = ("--llm", server.line(), "--llm-cache", str(answers))
        for cached in (False, True):
            reply = said("ask", "Hello there", "--system", "Be kind.", *named)
            assert (reply["text"], reply["cached"]) == ("a reply to: Hello there", cached)
        assert reply["origin"]["made"] == "text-only-llm" and reply["origin"]["host"] == "this machine"
        assert said("ask", "Hello", "--schema", str(schema), *named)["value"] == {"number": 0, "note": "mock"}
        found = said("check", *named)
        assert (found["served"], found["json"], found["host"]) == ("fake-1", "prompt", "this machine")
    (spent,) = said("usage", str(answers), "--price-in", "1000000", "--price-out", "2000000")
    assert (spent["model"], spent["answers"], spent["failures"]) == ("fake-1", 2, 0)
    assert spent["cost"] == spent["prompt_tokens"] + 2 * spent["completion_tokens"] > 0
    assert CliRunner().invoke(command, ["usage", str(schema)]).exception.message.endswith("file is not a database")


def test_a_cache_that_goes_away_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    provider = MockProvider(reply=lambda call: str(breaking(call)))
    with LLM(LLMSettings(provider="mock", cache=tmp_path / "a.sqlite"), provider=provider) as llm:

        def breaking(call: Call) -> str:
            llm._cache._db.execute("DROP TABLE IF EXISTS answers")
            return "too late"

        with pytest.raises(RunError, match=r"a\.sqlite cannot be used any more: no such table: answers"):
            llm.complete_many([Request.of("Hello")])


# ------------------------------------------------------------------------------- settings, provenance


def test_the_line_that_people_type() -> None:
    found = parse_llm("openai:Qwen/Qwen3-8B:free@http://host:8000/v1", ["temperature=none", "timeout=5"])
    assert (found.provider, found.model, found.base_url) == ("openai", "Qwen/Qwen3-8B:free", "http://host:8000/v1")
    assert (found.temperature, found.timeout) == (None, 5.0)
    assert parse_llm(found.line()) == found.replace(temperature=0.0, timeout=120.0)
    assert parse_llm("template").url == "" and parse_llm("openai:gpt").url == "https://api.openai.com/v1"
    wrong = {
        "": "names no language model",
        "openai": "needs the name of a model",
        "openai:m@http://": "is no address",
        "openai:m@http://me:pass@host/v1": "has a user or a password in it",
    }
    for line, words in wrong.items():
        with pytest.raises(ConfigError, match=words) as error:
            parse_llm(line)
        assert error.value.fix and "pass" not in error.value.message.replace("a password", "")
    with pytest.raises(ConfigError, match="not the name of an environment variable") as error:
        parse_llm("openai:m", ["api_key_env=sk-abc123"])
    assert "abc123" not in str(error.value)
    with pytest.raises(ConfigError, match="did you mean temperature"):
        parse_llm("mock", ["temprature=1"])
    with pytest.raises(NotRegisteredError, match="no llm_provider called 'opanai'"):
        LLM(parse_llm("opanai:m"))


def test_a_key_goes_only_to_the_server_that_it_is_named_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "for-openai-alone")
    monkeypatch.setenv("OPENAI_ORG_ID", "my-account")
    monkeypatch.setenv("OTHER_KEY", "right")
    with FakeLLMServer(key="right") as server:
        assert failure(server.line()).kind == "key"
        with LLM(parse_llm(server.line(), ["api_key_env=OTHER_KEY"])) as llm:
            assert llm.complete(Request.of("Hello")).text == "a reply to: Hello"
        sent = [value for headers in server.headers for value in headers.values()]
        assert "Bearer right" in sent and not {"my-account", "Bearer for-openai-alone"} & set(sent)
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match="the variable OPENAI_API_KEY is not set"):
        LLM(parse_llm("openai:gpt"))


def test_a_text_says_how_it_was_made_and_passes_the_audit(tmp_path: Path) -> None:
    with FakeLLMServer(model="m") as server, LLM(parse_llm(server.line())) as llm:
        reply = llm.complete(Request.of("Describe a square.", prompt="describe@1", prompt_sha256="ab" * 32))
    assert (reply.origin.host, reply.origin.served) == ("this machine", "m")
    receipts = reply.origin.receipts("caption")
    assert receipts["caption.prompt"] == "describe@1" and len(receipts["caption.request_sha256"]) == 64
    made = {"caption": (reply.origin.made,)}
    provenance = Provenance(dataset="mine", licence="CC0-1.0", made=made, receipts=receipts)
    example = Example(id="1", image=None, annotations=(Caption(text=reply.text),), provenance=provenance)
    write_dataset(tmp_path / "set", [example])
    report = audit_dataset(tmp_path / "set")
    assert report.ok and [str(made) for row in report.rows for made in row.made] == ["text-only-llm"]
    assert check_dataset(tmp_path / "set").ok
    hosts = {"http://10.0.0.3:1/v1": "private network", "http://gpu-7/v1": "private network", "": ""}
    hosts |= {"http://[::1]:8/v1": "this machine", "https://api.example.com/v1": "api.example.com"}
    assert {url: host_class(url) for url in hosts} == hosts


def test_other_threads_and_programs_with_asyncio_use_the_same_client() -> None:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with LLM(LLMSettings(provider="mock")) as llm:

        async def program() -> list[str]:
            replies = await asyncio.gather(*(llm.acomplete(Request.of(str(n))) for n in range(5)))
            return [reply.text for reply in replies]

        expected = [f"mock reply to: {n}" for n in range(5)]
        assert asyncio.run(program()) == asyncio.run(program()) == expected
        with ThreadPoolExecutor(5) as pool:
            assert [one.text for one in pool.map(lambda n: llm.complete(Request.of(str(n))), range(5))] == expected
    llm.close()  # twice is once
    started = time.perf_counter()
    with FakeLLMServer(wait=30) as server, LLM(parse_llm(server.line())) as llm:
        waiting = llm.as_completed([Request.of("Hello")])
        del waiting
    assert time.perf_counter() - started < 20
