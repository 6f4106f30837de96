"""A browser, a server that speaks, and what is fetched from npm (as the studio's tests fetch it).

A machine without Chromium, Playwright or npm skips, with a sentence. Screenshots go to ``OPENMOLMO_SCREENSHOTS``, or
to a temporary folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from speaking_server import Speaker

CHROMIUM = os.environ.get("OPENMOLMO_CHROMIUM", "/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "tests" / "engine" / "studio" / "browser" / "package.json"
MODULES = ROOT / ".cache" / "npm"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM} here (Debian: chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """``new_page(**options)``: a page of a person of their own. A script error or a refusal by the policy fails."""
    contexts, faults = [], []

    def make(**options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options})
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert not faults, faults


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    """A server with one model, that of drawings."""
    with Speaker().running() as started:
        yield started


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("OPENMOLMO_SCREENSHOTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """axe-core and TypeScript, fetched once; skips where npm or the registry is missing."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed here (Debian: npm)")
    MODULES.mkdir(parents=True, exist_ok=True)
    package = MODULES / "package.json"
    wanted = PACKAGE.read_bytes()
    if not package.exists() or package.read_bytes() != wanted or not (MODULES / "node_modules").is_dir():
        package.write_bytes(wanted)
        command = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(MODULES)]
        if subprocess.run(command, check=False, timeout=300).returncode:
            package.unlink()
            pytest.skip("npm could not fetch axe-core and typescript")
    return MODULES / "node_modules"
