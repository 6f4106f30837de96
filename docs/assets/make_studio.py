"""Pictures of the studio's pages for the README: ``python docs/assets/make_studio.py`` (needs Chromium and Playwright).

A sample studio is started in a temporary folder, with two answers to vote on; the page of every mode and the first
page are photographed.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from PIL import Image
from playwright.sync_api import Page, sync_playwright

OUT = Path(__file__).with_name("studio.jpg")
SAMPLE = Path(__file__).parents[2] / "src/openmolmo/engine/studio/sample"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
SIZE = {"width": 1100, "height": 720}
COLUMNS = 2
WIDTH = 720  # pixels of one page in the picture


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        add_votes(folder)
        command = [sys.executable, "-m", "openmolmo", "studio", "serve", "--no-open", "--port", "0"]
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            photograph(link_of(server))
        finally:
            server.terminate()
            server.wait(20)


def add_votes(folder: Path) -> None:
    """The sample project, and a pair of answers in it."""
    question = {"question_id": "1", "image": str(SAMPLE / "keys.jpg"), "question": "How many keys are there?"}
    answers = {"one": "There are eight keys and a pink mushroom.", "other": "I see some keys."}
    rows = [{**question, "model": model, "answer": answer, "category": "counting"} for model, answer in answers.items()]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    studio = [sys.executable, "-m", "openmolmo", "studio"]
    subprocess.run([*studio, "init", "--sample"], cwd=folder, check=True)
    subprocess.run([*studio, "import", "--project", "sample", "--answers", "answers.jsonl"], cwd=folder, check=True)


def link_of(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    for line in server.stdout:
        found = re.search(r"http\S+/join/\S+", line)
        if found:
            return found[0]
    raise SystemExit("the studio did not start")


def photograph(link: str) -> None:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(viewport=SIZE)
        page.goto(link)
        page.locator("input:visible").first.fill("Ada")
        page.get_by_text("Come in").click()
        page.wait_for_url("**/")
        address = page.url.rstrip("/")
        shots = [shot(page, f"{address}{path}", act) for path, act in PAGES.items()]
        browser.close()
    height = round(WIDTH * SIZE["height"] / SIZE["width"])
    rows = -(-len(shots) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDTH + 12 * (COLUMNS - 1), rows * height + 12 * (rows - 1)), "#b9b6ae")
    for index, picture in enumerate(shots):
        small = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
        sheet.paste(small, (index % COLUMNS * (WIDTH + 12), index // COLUMNS * (height + 12)))
    sheet.save(OUT, quality=82, optimize=True, progressive=True)
    click.echo(f"written: {OUT} ({OUT.stat().st_size // 1000} kB)")


def shot(page: Page, address: str, act: Any) -> Image.Image:
    page.goto(address)
    page.wait_for_timeout(1200)
    act(page)
    page.wait_for_timeout(800)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def nothing(page: Page) -> None:
    """The page as it opens."""


def speak(page: Page) -> None:
    page.get_by_role("button", name=re.compile("record", re.IGNORECASE)).first.click()
    page.wait_for_timeout(6000)


def ask(page: Page) -> None:
    page.locator("textarea").first.fill("How many keys are there, and what else is in the picture?")
    page.get_by_text("Draft an answer").click()
    page.wait_for_timeout(6000)


def press(page: Page, places: list[tuple[float, float]]) -> None:
    """Click places of the picture, parts of its width and height."""
    box = page.locator(".picture img").first.bounding_box()
    assert box is not None
    for x, y in places:
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.wait_for_timeout(300)


def point(page: Page) -> None:
    press(page, KEYS[:1])
    page.keyboard.type("gray key")
    press(page, KEYS[1:])


def explain(page: Page) -> None:
    press(page, KEYS[:1])
    page.keyboard.type("the largest key")
    page.locator("textarea").first.fill("Which key opens the largest lock?")


def qa_check(page: Page) -> None:
    page.locator("#right").check()


def to_the_end(page: Page) -> None:
    page.mouse.move(SIZE["width"] / 2, SIZE["height"] / 2)
    page.evaluate("document.scrollingElement.scrollTop = 1e6")


KEYS = [(0.47, 0.15), (0.08, 0.37), (0.43, 0.41), (0.75, 0.38)]

PAGES = {
    "/work/speak": speak,
    "/work/ask": ask,
    "/work/point": point,
    "/work/explain": explain,
    "/work/count_check": nothing,
    "/work/qa_check": qa_check,
    "/work/vote": to_the_end,
    "/": nothing,
}


if __name__ == "__main__":
    main()
