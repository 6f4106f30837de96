"""The how-tos of serving, done as they say; and a thousand clients at once on the real server."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from pathlib import Path

import httpx2
import openai
import pytest
from test_serve_command import STARS, messages, serving

import openmolmo
from browsing import caddy
from openmolmo.serving.keys import add_key, remove_key
from openmolmo.words.requests import Request

HOW_TO = Path(__file__).parents[2] / "docs/how-to"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def wait_for(address: str, **options: object) -> None:
    until = time.monotonic() + 90
    while True:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(f"{address}/health", **options).status_code == 200:  # type: ignore[arg-type]
                return
        assert time.monotonic() < until
        time.sleep(0.1)


def test_the_client_of_the_laptop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```py\n(.*?)```", (HOW_TO / "serve-on-a-laptop.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    (tmp_path / "stars.jpg").write_bytes(STARS)
    monkeypatch.chdir(tmp_path)
    with serving(folder=tmp_path) as (_, address):
        wait_for(address)
        scope: dict[str, object] = {}
        for block in blocks:
            exec(block.replace("http://127.0.0.1:8000", address), scope)
    said = re.findall(r"^stars ([\d.]+) ([\d.]+) percent; pixel (\d+) (\d+)$", capsys.readouterr().out, re.MULTILINE)
    assert len(said) == 5
    for x, y, *pixel in said:  # of a picture of 384 by 384
        assert [int(one) for one in pixel] == pytest.approx([3.84 * float(x), 3.84 * float(y)], abs=1)
    assert [float(one) for one in said[0][:2]] == pytest.approx([18.9, 39.7], abs=3)  # the leftmost star


def test_a_team_behind_caddy_with_keys(tmp_path: Path) -> None:
    recipe = re.search(r"```caddy\n(.*?)```", (HOW_TO / "serve-for-a-team.md").read_text("utf-8"), re.DOTALL)
    assert recipe is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        outer = free.getsockname()[1]
    key = add_key(tmp_path / "keys.jsonl", "ada")
    with serving("--api-keys", "keys.jsonl", "--workers", "1", folder=tmp_path) as (process, address):
        site = recipe[1].replace("molmo.example.org {", f"localhost:{outer} {{\n    tls internal")
        site = site.replace("127.0.0.1:8000", address.removeprefix("http://"))
        plain = "{\n    admin off\n    skip_install_trust\n    auto_https disable_redirects\n}\n"
        with caddy(tmp_path, plain + site):
            public = f"https://localhost:{outer}"
            wait_for(public, verify=False)
            client = openai.OpenAI(
                base_url=f"{public}/v1",
                api_key=key,
                max_retries=0,
                timeout=120,
                http_client=httpx2.Client(verify=False),
            )
            stream = client.chat.completions.create(model="nano", messages=messages("Point to the stars."), stream=True)  # type: ignore[arg-type]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            assert text.startswith("<points")
            children = [
                one
                for task in Path(f"/proc/{process.pid}/task").iterdir()
                for one in (task / "children").read_text().split()
            ]
            assert children
            with pytest.raises(openai.AuthenticationError):
                client.with_options(api_key="another").models.list()
            remove_key(tmp_path / "keys.jsonl", "ada")
            with pytest.raises(openai.AuthenticationError):
                client.models.list()
        process.kill()
        until = time.monotonic() + 20
        while children:  # the process that opens pictures ends with the server
            children = [one for one in children if Path(f"/proc/{one}").exists()]
            assert time.monotonic() < until
            time.sleep(0.05)
    log = (tmp_path / "log").read_text()
    assert "key=ada" in log and "stars" not in log and key not in log


def test_a_thousand_at_once_are_answered_rightly_or_refused(tmp_path: Path) -> None:
    questions = ["Point to the stars.", "What is it?", "How many stars?"]
    predictor = openmolmo.load("nano", max_new_tokens=6)
    expected = [predictor.answer_batch([Request(text=one, images=(STARS,))])[0].text for one in questions]
    with serving("--queue", "200", "--quiet", folder=tmp_path) as (process, address):
        wait_for(address)

        async def one(client: httpx2.AsyncClient, number: int) -> int:
            asked = {"messages": messages(questions[number % 3]), "max_tokens": 6}
            got = await client.post("/v1/chat/completions", json=asked)
            if got.status_code == 200:
                assert got.json()["choices"][0]["message"]["content"] == expected[number % 3]
            else:
                assert got.status_code == 429 and float(got.headers["Retry-After"]) >= 1, got.text
            return got.status_code

        async def all_of_them() -> list[int]:
            limits = httpx2.Limits(max_connections=None)
            async with httpx2.AsyncClient(base_url=address, limits=limits, timeout=600) as client:
                return await asyncio.gather(*(one(client, number) for number in range(1000)))

        statuses = asyncio.run(all_of_them())
        assert len(statuses) == 1000 and statuses.count(200) >= 200, statuses.count(200)
        assert process.poll() is None
        assert httpx2.get(f"{address}/health").status_code == 200
    assert "Traceback" not in (tmp_path / "log").read_text()
