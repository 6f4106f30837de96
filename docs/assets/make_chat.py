"""A picture of the chat page for the documents: ``python docs/assets/make_chat.py`` (needs Chromium and Playwright).

The bundled model is served, and asked about one of the drawn pictures that the page offers. What it answers is shown
as it is, right or wrong.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import click
from PIL import Image
from playwright.sync_api import Page, sync_playwright

OUT = Path(__file__).with_name("chat.jpg")
CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1180, "height": 720}
ENOUGH_MS = 120_000


def main() -> None:
    command = [sys.executable, "-m", "openmolmo", "serve", "--no-open", "--port", "0", "--quiet"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        photograph(address_of(server))
    finally:
        server.terminate()
        server.wait(60)


def address_of(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(r"http://[\d.:]+", line):
            return found[0]
    raise SystemExit("the server did not start")


def photograph(address: str) -> None:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, device_scale_factor=1.5, locale="en-GB")
        page.goto(address)
        page.locator("#about").wait_for()
        page.locator("[data-sample='stars.jpg']").click()
        page.locator(".view-image").wait_for()
        ask(page, "Point", "star")
        ask(page, "Count", "star")
        page.locator(".turn").last.locator(".number").nth(3).hover()
        page.wait_for_timeout(400)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    shot.save(OUT, quality=84, optimize=True, progressive=True)
    click.echo(f"written: {OUT} ({OUT.stat().st_size // 1000} kB)")


def ask(page: Page, way: str, text: str) -> None:
    page.locator(".way", has_text=way).click()
    page.locator("#question").fill(text)
    page.locator("#question").press("Enter")
    page.locator("#stop").wait_for()
    page.locator("#send").wait_for(timeout=ENOUGH_MS)


if __name__ == "__main__":
    main()
