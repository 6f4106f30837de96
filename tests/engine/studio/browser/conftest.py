"""Browser tests: Debian's Chromium, a real studio on each kind of database, and what is fetched from npm.

    def test_something(studio: Studio, page: Page): ...     # the sample project, SQLite and PostgreSQL
    def test_shell(toy_studio: Studio, new_page): ...       # the toy mode only

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
from studio_process import Studio

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("OPENMOLMO_CHROMIUM", "/usr/bin/chromium")
MODULES = Path(__file__).parents[4] / ".cache" / "npm"
FLAGS = ("--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.path).is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Any]]:
    """``launch(*flags)``: a Chromium with a microphone that is none; more flags, e.g. the sound that it hears."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM} here (Debian: chromium)")
    with playwright.sync_playwright() as driver:
        opened: dict[tuple[str, ...], Any] = {}

        def start(*flags: str) -> Any:
            if flags not in opened:
                opened[flags] = driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
            return opened[flags]

        yield start
        for browser in opened.values():
            browser.close()


@pytest.fixture
def new_page(launch: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """``new_page(**options)``: a page of a person of their own (cookies, storage); ``flags`` are the browser's.

    A script error or a refusal by the page's policy fails the test.
    """
    contexts, faults = [], []

    def make(*, flags: tuple[str, ...] = (), **options: Any) -> Any:
        options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options}
        context = launch(*flags).new_context(ignore_https_errors=True, **options)
        context.set_default_timeout(90_000)  # a busy machine is no fault of a page
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
def page(new_page: Callable[..., Any]) -> Any:
    """One page."""
    return new_page()


@pytest.fixture
def studio(tmp_path: Path, database_url: str) -> Iterator[Studio]:
    """The sample project, as ``openmolmo studio serve`` makes it, on each kind of database."""
    with Studio(tmp_path / "studio", database_url).running() as started:
        yield started


@pytest.fixture
def toy_studio(tmp_path: Path, database_url: str) -> Iterator[Studio]:
    """The toy mode alone, without a worker."""
    with Studio(tmp_path / "studio", database_url, toys=True, options=("--no-worker",)).running() as started:
        yield started


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go."""
    given = os.environ.get("OPENMOLMO_SCREENSHOTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """What ``package.json`` names, fetched once; skips where npm or the registry is missing."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed here (Debian: npm)")
    MODULES.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_bytes()
    package = MODULES / "package.json"
    if not package.exists() or package.read_bytes() != wanted or not (MODULES / "node_modules").is_dir():
        package.write_bytes(wanted)
        command = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(MODULES)]
        if subprocess.run(command, check=False, timeout=300).returncode:
            package.unlink()
            pytest.skip("npm could not fetch axe-core and typescript")
    return MODULES / "node_modules"


@pytest.fixture(scope="session")
def barriers(node_modules: Path) -> Callable[[Any], list[str]]:
    """``barriers(page)``: what axe-core calls serious or critical on a page, in words."""
    source = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")

    def look(page: Any) -> list[str]:
        page.evaluate(source)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{one['id']} ({one['impact']}): {one['help']}: {[node['target'] for node in one['nodes']]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    return look
