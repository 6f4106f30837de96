"""Attacks: each line of what the server promises, tried."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image
from scripted import Scripted, served

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.engine.download import public
from openmolmo.serving.keys import add_key, hash_key, read_keys, remove_key
from openmolmo.serving.openai import ServeSettings

ASK = {"messages": [{"role": "user", "content": "Hello"}]}


def asking(url: str) -> dict[str, Any]:
    part = {"type": "image_url", "image_url": {"url": url}}
    return {"messages": [{"role": "user", "content": [part, {"type": "text", "text": "What?"}]}]}


# ------------------------------------------------------------------------------- addresses of pictures


class Site:
    """A little web server that counts who came."""

    def __init__(self, host: str, answer: Callable[[str], tuple[int, dict[str, str], bytes]]) -> None:
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                status, headers, body = answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer((host, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(*arguments: Any) -> Site:
        made.append(Site(*arguments))
        return made[-1]

    yield make
    for one in made:
        one.server.shutdown()
        one.server.server_close()


PUBLIC = "127.0.0.2"
"""Stands for an address of the public internet in these tests; every other one is what it is."""


def png(side: int = 8) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(stream, "PNG")
    return stream.getvalue()


def test_pictures_are_fetched_from_named_public_hosts_and_nowhere_else(
    site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = public.is_public
    monkeypatch.setattr(public, "is_public", lambda address: address == PUBLIC or real(address))
    inside = site("127.0.0.1", lambda _: (200, {"Content-Type": "image/png"}, png()))
    pages: dict[str, tuple[int, dict[str, str], bytes]] = {
        "/a.png": (200, {}, png()),
        "/into": (302, {"Location": f"http://127.0.0.1:{inside.port}/secret.png"}, b""),
        "/named": (302, {"Location": f"http://inside.example:{inside.port}/secret.png"}, b""),
        "/elsewhere": (302, {"Location": "http://elsewhere.example/x.png"}, b""),
        "/file": (302, {"Location": "file:///etc/passwd"}, b""),
        "/html": (200, {"Content-Type": "image/png"}, b"<html>" + b"x" * 100),
        "/large": (200, {}, png() + bytes(2_000_000)),
    }
    outside = site(PUBLIC, pages.__getitem__)
    names = {"out.example": PUBLIC, "inside.example": "127.0.0.1", "elsewhere.example": PUBLIC}
    asked: list[str] = []
    lookup = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        asked.append(host)
        if host == "turning.example":  # the first answer is public, later ones are not
            return lookup(PUBLIC if asked.count(host) == 1 else "127.0.0.1", port, *more, **named)
        return lookup(names.get(host, host), port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    allowed = ("out.example", "inside.example", "turning.example", "127.0.0.1", "localhost", "2130706433")
    settings = ServeSettings(allow_urls=allowed, max_body_mb=1)
    with served(Scripted(), settings) as server, httpx2.Client(base_url=server.address) as client:

        def status(url: str) -> int:
            got = client.post("/v1/chat/completions", json=asking(url))
            assert "127.0.0" not in got.text and "refused" not in got.text, got.text
            return got.status_code

        out = f"http://out.example:{outside.port}"
        assert status(f"{out}/a.png") == 200
        assert status(f"http://turning.example:{outside.port}/a.png") == 200
        assert asked.count("turning.example") == 1, "what was looked up once is what is connected to"
        assert status(f"http://turning.example:{inside.port}/a.png") == 400
        for path in ("/into", "/named", "/elsewhere", "/file", "/html"):
            assert status(out + path) == 400, path
        assert status(f"{out}/large") == 413
        for host in ("127.0.0.1", "localhost", "inside.example", "2130706433"):
            assert status(f"http://{host}:{inside.port}/a.png") == 400, host
        assert status(f"http://other.example:{outside.port}/a.png") == 400
        assert status(f"http://out.example@127.0.0.1:{inside.port}/a.png") == 400
    assert inside.asked == []
    assert "elsewhere.example" not in asked


def test_limits_and_names_that_make_no_sense_are_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {"allow_urls": ("https://images.example",)},
        {"allow_urls": ("*",)},
        {"allow_origins": ("app.example",)},
        {"max_images": 0},
        {"stop_seconds": -1.0},
    ]
    for one in wrong:
        with pytest.raises(ConfigError):
            ServeSettings(**one)


# ------------------------------------------------------------------------------- keys


def test_keys_are_kept_as_hashes_and_taken_away_while_the_server_runs(tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    ada, bob = add_key(path, "ada"), add_key(path, "bob")
    assert ada not in path.read_text() and hash_key(ada) in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert [key.name for key in read_keys(path)] == ["ada", "bob"]
    with pytest.raises(ConfigError, match="already"):
        add_key(path, "ada")
    settings = ServeSettings(key_file=path, keys=(hash_key("from the environment"),))
    with served(Scripted(), settings) as server, httpx2.Client(base_url=server.address) as client:

        def status(key: str | None, way: str = "Bearer") -> int:
            headers = {} if key is None else {"Authorization": f"{way} {key}"}
            got = client.post("/v1/chat/completions", json=ASK, headers=headers)
            if got.status_code == 401:
                assert got.json()["error"]["code"] == "invalid_api_key"
                assert got.headers["WWW-Authenticate"] == "Bearer"
            return got.status_code

        assert [status(key) for key in (ada, bob, "from the environment")] == [200, 200, 200]
        assert [status(key) for key in (None, "wrong", ada[:-1], hash_key(ada), "ada")] == [401] * 5
        assert status(ada, "Basic") == 401
        remove_key(path, "ada")
        assert (status(ada), status(bob)) == (401, 200)
        carol = add_key(path, "carol")
        assert status(carol) == 200
        path.write_text('{"half')
        assert (status(bob), status(ada)) == (200, 401), "the keys from before hold while the file is broken"
        for way in ("/v1/models", "/v1/responses", "/tokenize", "/detokenize", "/metrics", "//v1/models"):
            assert client.get(way).status_code in (401, 404), way
        assert [client.get(way).status_code for way in ("/health", "/version")] == [200, 200]
    with pytest.raises(DataError, match="holds no key"):
        read_keys(path)


# ------------------------------------------------------------------------------- browsers


def test_pages_of_other_sites_cannot_use_a_server_without_keys() -> None:
    with served(Scripted()) as server, httpx2.Client(base_url=server.address) as client:

        def status(**headers: str) -> int:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.post("/v1/chat/completions", json=ASK, headers=named).status_code

        assert status() == 200
        assert status(Origin=server.address) == 200
        assert status(Origin="https://evil.example") == 403
        assert status(Origin="null") == 403
        assert status(Sec_Fetch_Site="cross-site") == 403
        assert status(Host="evil.example") == 403, "a name that was made to lead here"
        assert status(Host=f"localhost:{server.port}") == 200
        refused = client.get("/v1/models", headers={"Host": "evil.example"})
        for name in ("content-security-policy", "x-frame-options", "referrer-policy", "permissions-policy"):
            assert refused.headers[name]
        assert "access-control-allow-origin" not in refused.headers and "server" not in refused.headers
    settings = ServeSettings(allow_origins=("https://good.example",), public_names=("api.example",))
    with served(Scripted(), settings) as server, httpx2.Client(base_url=server.address) as client:
        asked = {"Origin": "https://good.example", "Access-Control-Request-Method": "POST"}
        allowed = client.options("/v1/chat/completions", headers=asked)
        assert allowed.headers["access-control-allow-origin"] == "https://good.example"
        good = client.post("/v1/chat/completions", json=ASK, headers={"Origin": "https://good.example"})
        assert (good.status_code, good.headers["access-control-allow-origin"]) == (200, "https://good.example")
        assert (
            client.post("/v1/chat/completions", json=ASK, headers={"Origin": "https://evil.example"}).status_code == 403
        )
        assert client.get("/v1/models", headers={"Host": "api.example"}).status_code == 200


# ------------------------------------------------------------------------------- the log


def test_the_log_has_no_contents_unless_it_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "openmolmo.serve")
    secret = {"messages": [{"role": "user", "content": "my secret question"}]}
    for contents in (False, True):
        caplog.clear()
        with served(Scripted(lambda _: "my secret answer"), ServeSettings(log_contents=contents)) as server:
            got = httpx2.post(f"{server.address}/v1/chat/completions", json=secret, headers={"X-Request-ID": "abc-1"})
            assert got.headers["X-Request-ID"] == "abc-1"
            httpx2.post(
                f"{server.address}/v1/chat/completions?key=secret",
                content=b'{"secret"',
                headers={"Content-Type": "application/json", "X-Request-ID": "a b\tc"},
            )
            httpx2.get(f"{server.address}/%0aFORGED%1b[2J")
        assert ("secret" in caplog.text) == contents
        assert "id=abc-1 model=nano prompt_tokens=7 tokens=3" in caplog.text
        assert "a b\tc" not in caplog.text and "\nFORGED" not in caplog.text and "\x1b" not in caplog.text
