"""What browser tests share: Chromium, pages of people of their own, packages of npm, Caddy, what can be seen.

The fixtures are those of all tests (``tests/conftest.py``): a process can have one Playwright only.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from openmolmo.core import pages

CHROMIUM = os.environ.get("OPENMOLMO_CHROMIUM", "/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
MODULES = Path(__file__).parents[1] / ".cache" / "npm"
SHARED = Path(pages.__file__).parent / "static"
PACKAGE = Path(__file__).parent / "engine/studio/browser/package.json"


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Any]]:
    """``launch(*flags)``: a Chromium with a microphone that is none; more flags, e.g. the sound that it hears.

    Skips where it or Playwright is missing.
    """
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


@contextmanager
def watched_pages(seconds: int) -> Iterator[Callable[..., Any]]:
    """``make(browser, **options)``: a page of a person of their own, who waits so long for anything.

    A script error or a refusal by a page's policy fails at the end.
    """
    contexts, faults = [], []

    def make(browser: Any, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options})
        context.set_default_timeout(1000 * seconds)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert not faults, faults


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go."""
    given = os.environ.get("OPENMOLMO_SCREENSHOTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """axe-core and TypeScript, as ``package.json`` names them, fetched once; skips where npm or the registry is
    missing."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed here (Debian: npm)")
    MODULES.mkdir(parents=True, exist_ok=True)
    wanted = PACKAGE.read_bytes()
    package = MODULES / "package.json"
    if not package.exists() or package.read_bytes() != wanted or not (MODULES / "node_modules").is_dir():
        package.write_bytes(wanted)
        command = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(MODULES)]
        if subprocess.run(command, check=False, timeout=300).returncode:
            package.unlink()
            pytest.skip("npm could not fetch axe-core and typescript")
    return MODULES / "node_modules"


def seen_dots(page: Any, colour: tuple[int, int, int], near: int, ratio: float) -> list[tuple[float, float]]:
    """Middles of the dots of about a colour that can be seen, in pixels of the page, from left to right.

    Found on the screen, so that nothing of the page's own arithmetic is asked. ``near``: the largest sum of
    differences of the channels, itself left out.
    """
    pixels = np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB")).astype(int)
    is_near = np.abs(pixels - np.array(colour)).sum(axis=-1) < near
    left = {(int(row), int(column)) for row, column in np.argwhere(is_near)}
    found = []
    while left:
        waiting, dot = [left.pop()], []
        while waiting:
            row, column = waiting.pop()
            dot.append((row, column))
            around = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= around
            waiting += around
        if len(dot) > 12:
            rows, columns = np.array(dot).T
            # The middle between the outermost pixels, each of which is one wide.
            middle = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
            found.append((middle[0] / ratio, middle[1] / ratio))
    return sorted(found)


def check_modules(node_modules: Path, folder: Path, static: Path) -> None:
    """The modules keep the types that their comments say: TypeScript reads them, nothing is built."""
    options = {
        "allowJs": True,
        "checkJs": True,
        "noEmit": True,
        "strict": True,
        "noUncheckedIndexedAccess": False,
        "useUnknownInCatchVariables": True,
        "target": "es2022",
        "module": "es2022",
        "moduleResolution": "bundler",
        "lib": ["es2023", "dom", "dom.iterable"],
        "types": [],
        "paths": {"/static/*": [f"{static}/*"]},
        "rootDirs": [str(static), str(SHARED)],  # browsers see both as one folder
    }
    project = {"compilerOptions": options, "include": [f"{static}/**/*.js", f"{SHARED}/*.js"]}
    (folder / "tsconfig.json").write_text(json.dumps(project))
    command = [str(node_modules / ".bin" / "tsc"), "-p", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def caddy(folder: Path, recipe: str) -> Iterator[None]:
    """Caddy by a recipe; skips where it is not installed."""
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("Caddy is not installed here (Debian: caddy)")
    (folder / "Caddyfile").write_text(recipe)
    process = subprocess.Popen(
        [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"],
        env={**os.environ, "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)
