"""Whatever is wrong with a request is said in OpenAI's form, with the right status, and nobody else is disturbed."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from PIL import Image
from scripted import Scripted, Served, served

from openmolmo.core.errors import CheckpointError, ImageError, PromptError, QueueFullError, UnavailableError
from openmolmo.serving.backend import Generation
from openmolmo.serving.openai import ServeSettings

SETTINGS = ServeSettings(
    max_body_mb=0.5, max_images=4, max_pixels=1_000_000, max_all_pixels=1_500_000, max_parts=32, max_text=5000,
    max_tokens=100, default_tokens=50, json_depth=12, json_values=5000,
)  # fmt: skip


def say(generation: Generation) -> str:
    """Fails as the question asks for."""
    text = generation.request.text
    if text == "full":
        raise QueueFullError("16 requests are being answered and 256 wait", retry_after=2.5)
    if text == "lost":
        raise UnavailableError("process 4711 of /home/me/model was lost")
    if text == "long":
        raise PromptError("the prompt takes 9000 tokens, the model's context has 2048", fix="ask a shorter text")
    if text == "checkpoint":
        raise CheckpointError("/home/me/secret/model.safetensors is damaged")
    if text == "mistake":
        raise ZeroDivisionError("/home/me/secret")
    if text == "damaged":
        raise ImageError("image 1 is cut short", kind="truncated")
    return "All is well"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(Scripted(say), SETTINGS) as one:
        yield one


def chat(*content: Any, **more: Any) -> dict[str, Any]:
    return {"model": "nano", "messages": [{"role": "user", "content": list(content)}], **more}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"model": "nano", "messages": [{"role": "user", "content": words}], **more}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def data(content: bytes) -> dict[str, Any]:
    return image("data:image/png;base64," + base64.b64encode(content).decode())


def png(width: int = 8, height: int = 8) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(stream, "PNG")
    return stream.getvalue()


def bomb(side: int) -> bytes:
    """A few hundred bytes that say they are side x side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")
    )


SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "x", "schema": {"allOf": [{"type": "string"}, {"type": "null"}]}},
}

REFUSED: dict[str, tuple[Any, int, str]] = {
    # pictures
    "broken base64": (chat(image("data:image/png;base64,a*b")), 400, "base64 text cannot be read"),
    "no comma": (chat(image("data:image/png")), 400, "no comma"),
    "HTML as a picture": (chat(data(b"<html><body>404</body></html>")), 422, "picture 1"),
    "an empty picture": (chat(image("data:image/png;base64,")), 422, "empty"),
    "a bomb": (chat(data(bomb(60_000))), 413, "60000x60000"),
    "too many pixels together": (chat(data(png(999, 999)), data(png(999, 999))), 413, "more than 1500000 pixels"),
    "too many pictures": (chat(*[data(png())] * 5), 400, "5 pictures are sent, at most 4"),
    "an address": (chat(image("http://127.0.0.1:1/x.png")), 400, "not fetched here"),
    "a file": (chat(image("file:///etc/passwd")), 400, "paths and file: addresses are not read"),
    "a path": (chat(image("/etc/passwd")), 400, "are not read"),
    "another scheme": (chat(image("gopher://127.0.0.1/x")), 400, "are not read"),
    "no address at all": (chat(image("http://[broken")), 400, "an address that is none"),
    "a part without a picture": (chat({"type": "image_url"}), 400, "no image_url"),
    "a stored file": (chat({"type": "input_image", "file_id": "file-1"}), 400, "files are not kept here"),
    "an unknown detail": (chat({"type": "image_url", "image_url": {"url": "data:,", "detail": "huge"}}), 400, "detail"),
    "sound": (chat({"type": "input_audio", "input_audio": {}}), 400, "'input_audio' is not known here"),
    "damaged behind the header": (text("damaged"), 422, "cut short"),
    # messages
    "no messages": ({"model": "nano", "messages": []}, 400, "no message"),
    "an unknown role": ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "role 'wizard'"),
    "a tool's message": ({"messages": [{"role": "tool", "content": "x"}]}, 400, "role 'tool'"),
    "the assistant first": ({"messages": [{"role": "assistant", "content": "x"}]}, 400, "first message must be"),
    "the assistant last": (
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, 400,
        "continue_final_message",
    ),
    "nothing to continue": (text("x", continue_final_message=True), 400, "needs a last message of the assistant"),
    "instructions alone": ({"messages": [{"role": "system", "content": "x"}]}, 400, "no user's message"),
    "no content": ({"messages": [{"role": "user"}]}, 400, "no content"),
    "a sign of a picture's place": (text("See <|image|>"), 400, "send the picture as a part"),
    "half a character": (b'{"messages": [{"role": "user", "content": "\\ud83d"}]}', 422, "half a character"),
    "longer than is read": (text("x" * 5001), 413, "5001 characters"),
    "longer than the context": (text("long"), 400, "context has 2048"),
    "too many messages": ({"messages": [{"role": "user", "content": "x"}] * 40}, 400, "more than 32 messages"),
    # choosing
    "a temperature": (text("x", temperature=3), 400, "temperature"),
    "a number that is none": (b'{"messages": [], "temperature": NaN}', 400, "finite"),
    "a temperature in words": (text("x", temperature="hot"), 400, "temperature"),
    "too many tokens": (text("x", max_tokens=101), 400, "the limit is 100"),
    "no tokens": (text("x", max_completion_tokens=0), 400, "max_completion_tokens"),
    "too many replies": (text("x", n=9), 400, "at most 8"),
    "an empty stop": (text("x", stop=[""]), 400, "stop"),
    "too many crops": (text("x", openmolmo={"max_crops": 99}), 400, "the limit is 36"),
    "probabilities without asking": (text("x", top_logprobs=3), 400, "needs logprobs"),
    "JSON": (text("x", response_format={"type": "json_object"}), 400, "cannot be held to JSON"),
    "a schema that nothing satisfies": (text("x", response_format=SCHEMA), 400, "cannot be held to JSON"),
    "a choice of vLLM's": (text("x", guided_choice=["a", "b"]), 400, "cannot be held to JSON"),
    "tools that must be called": (text("x", tools=[{}], tool_choice="required"), 400, "calls no tools"),
    "what is not done here": (text("x", logit_bias={"1": 5}), 400, "logit_bias is not supported"),
    "an unknown model": (text("x") | {"model": "gpt-4o"}, 404, "no model 'gpt-4o'"),
    # bodies
    "no JSON": (b"not json", 400, "no JSON text"),
    "an empty body": (b"", 400, "no JSON text"),
    "a list": (b"[]", 400, "body"),
    "deep JSON": (b'{"messages": ' + b"[" * 100_000, 400, "deeper than 12 levels"),
    "many values": (b'{"messages": [' + b"[]," * 50_000, 400, "more than 5000 values"),
    "a large body": (b" " * 600_000, 413, "more than 0.5 MB"),
    # the model's side
    "a full queue": (text("full"), 429, "256 wait"),
    "a lost process": (text("lost"), 503, "cannot answer now"),
    "a damaged checkpoint": (text("checkpoint"), 500, "the server made a mistake"),
    "a mistake of ours": (text("mistake"), 500, "the server made a mistake"),
}  # fmt: skip


def test_each_is_refused_in_openais_form_and_others_are_answered(server: Served) -> None:
    faults = []
    with httpx2.Client(base_url=server.address) as client:
        for name, (body, status, words) in REFUSED.items():
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            for stream in (False, True) if status >= 429 else (False,):
                if stream and not isinstance(body, bytes):
                    content = json.dumps(body | {"stream": True}).encode()
                got = client.post("/v1/chat/completions", content=content, headers={"Content-Type": "application/json"})
                error = got.json().get("error", {})
                right = (
                    got.status_code == status
                    and words in error.get("message", "")
                    and set(error) == {"message", "type", "param", "code"}
                    and not any(leak in got.text for leak in ("Traceback", "/home/", "/work/", ".py", "4711", "passwd"))
                    and len(got.text) < 1000
                    and got.headers["x-content-type-options"] == "nosniff"
                    and got.headers["x-request-id"]
                )
                if not right:
                    faults.append((name, got.status_code, got.text))
        assert not faults, faults
        assert client.post("/v1/chat/completions", json=text("full")).headers["Retry-After"] == "3"
        good = client.post("/v1/chat/completions", json=text("Hello"))
        assert good.json()["choices"][0]["message"]["content"] == "All is well"


def test_addresses_and_types_that_are_not_there(server: Served) -> None:
    with httpx2.Client(base_url=server.address) as client:
        for method, path, status in (("GET", "/v1/nothing", 404), ("GET", "/v1/chat/completions", 405)):
            got = client.request(method, path)
            assert (got.status_code, got.json()["error"]["code"]) == (status, "unknown_url")
        plain = client.post("/v1/chat/completions", content=b"{}", headers={"Content-Type": "text/plain"})
        assert plain.status_code == 415
        assert client.post("/detokenize", json={"tokens": [-1]}).status_code == 400
        assert client.post("/v1/responses", json={"input": [{"type": "item_reference", "id": "x"}]}).status_code == 400
        assert client.post("/v1/responses", json={"input": "x", "previous_response_id": "r"}).status_code == 400
        assert client.post("/v1/completions", json={"prompt": ""}).status_code == 400
        assert client.post("/v1/completions", json={"prompt": ["a"] * 9}).status_code == 400
        assert client.post("/v1/completions", json={"prompt": "a", "echo": True}).status_code == 400
