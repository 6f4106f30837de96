"""``openmolmo serve`` as people start it, and its page: the bundled model points at a picture."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
pytest.importorskip("prometheus_client", reason="the extra serve is not installed")

from chat_page import ChatPage
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SAMPLE = files("openmolmo.engine.studio.sample")
"""The chat page's samples, with what their maker says is in them."""


def true_places(sample: str, label: str) -> list[tuple[float, float]]:
    """Where the things of that name are in the sample, in percent, from left to right as the page lists them."""
    lines = map(json.loads, SAMPLE.joinpath("sample.jsonl").read_text(encoding="utf-8").splitlines())
    annotations = next(line["annotations"] for line in lines if line["id"] == sample)
    points = next(one["points"] for one in annotations if one.get("label") == label)
    return sorted((point["x"], point["y"]) for point in points)


@pytest.fixture
def address() -> Iterator[str]:
    command = [sys.executable, "-m", "openmolmo", "serve", "--no-open", "--port", "0", "--api-key", "open sesame"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        found = next(filter(None, (re.search(r"http://[\d.:]+(?=$|\s)", line) for line in server.stdout)))
        yield found[0]
        server.terminate()


def test_nano_points_on_the_page(address: str, new_page: Callable[..., Any]) -> None:
    page = new_page()
    chat = ChatPage(page, address)
    page.get_by_label("Key", exact=True).fill("open sesame")
    page.keyboard.press("Enter")
    expect(page.locator("#about-knows")).to_contain_text("knows drawings")
    page.context.set_default_timeout(120_000)
    chat.ask_sample("stars")
    assert chat.numbers() == ["1", "2", "3", "4", "5"]
    read = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    rows = page.locator(".after tbody tr").evaluate_all(read)
    for row, (x, y) in zip(rows, true_places("stars", "stars"), strict=True):
        shown = [float(cell) for cell in row if re.fullmatch(r"\d+\.\d", cell)]
        assert shown[:2] == pytest.approx([x, y], abs=3), row
    expect(page.locator(".mark")).to_have_count(5)
