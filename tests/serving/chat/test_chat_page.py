"""What the server gives for the page: one small document, nothing inline, every text in every language."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from fastapi import FastAPI
from fastapi.testclient import TestClient

from openmolmo.serving import chat
from openmolmo.serving.chat import mount_chat
from openmolmo.words.templates import wording

FOLDER = Path(chat.__file__).parent
SCRIPTS = sorted((FOLDER / "static").glob("*.js"))
AREAS = (
    *("page", "empty", "strip", "viewer", "way", "send", "store", "knows", "answer", "point", "picture", "camera"),
    *("error", "key", "settings", "keys", "forget", "language"),
)
KEY = re.compile(rf"[\"'`]((?:{'|'.join(AREAS)})\.[a-z_0-9.]+)[\"'`]")


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    mount_chat(app)
    return TestClient(app)


def test_the_page_and_its_files(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "camera=(self)" in page.headers["permissions-policy"]
    assert not re.findall(r"<script(?![^>]*(?:src=|application/json))| style=| on\w+=", page.text)
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page.text)
    names = re.findall(r"(?:src|href)=\"chat/([^\"]+)\"", page.text)
    imported = [name for script in SCRIPTS for name in re.findall(r"from \"\./([\w.]+)\"", script.read_text("utf-8"))]
    assert len(names) >= 6 and "points.js" in imported
    total = len(page.content)
    for name in sorted({*names, *imported}):
        answer = client.get(f"/chat/{name}")
        assert answer.status_code == 200 and answer.headers["x-content-type-options"] == "nosniff", name
        total += len(answer.content)
    assert total < 150_000
    assert client.get("/chat/chat.js").headers["content-type"].startswith("text/javascript")
    for odd in ("nothing.js", "..%2Fpage.py", "%2e%2e/page.py", "__init__.py"):
        assert client.get(f"/chat/{odd}").status_code == 404, odd


def test_it_speaks_german_and_english_wholly(client: TestClient) -> None:
    assert '<html lang="de">' in client.get("/", headers={"accept-language": "de-AT,de;q=0.9"}).text
    assert '<html lang="en">' in client.get("/?lang=en", headers={"accept-language": "de"}).text
    english, german = (json.loads((FOLDER / "catalogue" / f"{one}.json").read_text("utf-8")) for one in ("en", "de"))
    assert english.keys() == german.keys()
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", german[key])), key
    sources = [*SCRIPTS, FOLDER / "templates" / "chat.html.j2"]
    said = {key for source in sources for key in KEY.findall(source.read_text("utf-8"))}
    plural = {key for key in said if f"{key}.one" in english and f"{key}.many" in english}
    assert len(said) > 60 and not said - plural - english.keys()


def test_it_words_requests_as_the_library_does(client: TestClient) -> None:
    block = re.search(r"id=\"page-data\">(.*?)</script>", client.get("/").text, re.DOTALL)
    assert block is not None
    assert json.loads(block[1])["wordings"] == {
        "point": wording("pointing", label="{label}"),
        "count": wording("counting", label="{label}"),
        "describe": wording("caption"),
    }
