"""One Chromium for all tools of this process that need a browser: kept for many pictures, without a network.

A page that hangs takes the browser with it: a timer ends the browser's process, the picture is a ``RenderError``, and
the next picture has a new browser. Playwright drives it, so all pictures are drawn in the thread that opened it.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import util
from typing import Any

from openmolmo.core.optional import require
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.tools.lettering import fonts_digest, fonts_missing
from openmolmo.engine.docs.tools.png import size_of

__all__ = ["Shot", "Worker", "browser_missing", "browser_version"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--disable-lcd-text",
    "--disable-gpu",
    "--hide-scrollbars",
)
START = 60.0
"""Seconds that are added to the first picture of a browser, for its start."""
LARGEST = 8000  # pixels of a side


@functools.cache
def executable() -> str | None:
    """The browser: ``OPENMOLMO_CHROMIUM``, else the first that the machine has."""
    named = os.environ.get("OPENMOLMO_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


def browser_missing() -> str | None:
    """One sentence with the line that installs what the browser needs, or none."""
    if util.find_spec("playwright") is None:
        return 'playwright is not installed: pip install "openmolmo[docs-browser]"'
    if executable() is None:
        return "no Chromium is installed: apt-get install chromium fonts-liberation, or name one in OPENMOLMO_CHROMIUM"
    return fonts_missing()


@functools.cache
def browser_version() -> str:
    """Of the browser and of the machine's fonts."""
    path = executable()
    assert path is not None
    done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=True)
    return f"{' '.join(done.stdout.split()[:2])} fonts {fonts_digest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture of a page, and what was measured in it (boxes in CSS pixels)."""

    png: bytes
    width: int
    height: int
    found: dict[str, Any]


class _Browser:
    """The process; started when it is first needed, and again when it is gone."""

    def __init__(self) -> None:
        self.users = 0
        self.generation = 0
        self._playwright: Any = None
        self._browser: Any = None
        self._pid = 0

    def ensure(self) -> Any:
        if self._browser is not None and self._browser.is_connected():
            return self._browser
        if self._playwright is None:
            self._playwright = require("playwright.sync_api", extra="docs-browser").sync_playwright().start()
        flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(FLAGS)  # as root it starts without only
        self._browser = self._playwright.chromium.launch(executable_path=executable(), args=flags, timeout=START * 1000)
        processes = self._browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        self._pid = next(process["id"] for process in processes if process["type"] == "browser")
        self.generation += 1
        return self._browser

    def kill(self) -> None:
        """End the process at once; may be called from any thread."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        if self._browser is not None and self._browser.is_connected():
            self._browser.close()
        if self._playwright is not None:
            self._playwright.stop()
        self._browser = self._playwright = None


_SHARED = _Browser()


class Worker:
    """A page of the shared browser for one tool. ``scripts``: text of the bundles that the page holds."""

    def __init__(
        self, tool: str, *, timeout: float, scripts: Callable[[], Sequence[str]] | None = None, setup: str = ""
    ) -> None:
        self._tool, self._timeout, self._scripts, self._setup = tool, timeout, scripts, setup
        self._page: Any = None
        self._cdp: Any = None
        self._generation = -1

    def __enter__(self) -> Worker:
        _SHARED.users += 1
        return self

    def __exit__(self, *error: object) -> None:
        _SHARED.users -= 1
        if _SHARED.users == 0:
            _SHARED.close()
        elif self._page is not None and self._generation == _SHARED.generation:
            self._guarded(lambda: self._page.context.close(), self._timeout)

    def shoot(self, fill: Callable[[Any], Any], measure: str, *, size: tuple[int, int], scale: float) -> Shot:
        """``fill(page)`` fills the page, ``measure`` is a function of JavaScript that finds everything in it.

        ``size``: of the window, in CSS pixels. The ``page`` that is found is the size of the picture; where it is
        another one, the window takes it and the page is measured again.
        """
        if self._page is None or self._generation != _SHARED.generation or not _SHARED.ensure().is_connected():
            self._guarded(self._open, self._timeout + START)
        shot: Shot = self._guarded(lambda: self._shoot(fill, measure, size, scale), self._timeout)
        return shot

    def _open(self) -> None:
        browser = _SHARED.ensure()
        context = browser.new_context(offline=True, java_script_enabled=self._scripts is not None)
        self._page = context.new_page()
        self._page.route("**/*", lambda route: route.abort())
        self._cdp = context.new_cdp_session(self._page)
        self._page.set_content("<!doctype html><html><body></body></html>")
        for script in self._scripts() if self._scripts is not None else ():
            self._page.add_script_tag(content=script)
        if self._setup:
            self._page.evaluate(self._setup)
        self._generation = _SHARED.generation

    def _shoot(self, fill: Callable[[Any], Any], measure: str, size: tuple[int, int], scale: float) -> Shot:
        self._window(*size, scale)
        fill(self._page)
        found = self._page.evaluate(measure)
        across, down = (max(1, round(side)) for side in found["page"])
        if max(across, down) * scale > LARGEST:
            raise RenderError(self._tool, f"the picture is {across} x {down} pixels, more than {LARGEST}")
        if (across, down) != size:
            self._window(across, down, scale)
            found = self._page.evaluate(measure)
        clip = {"x": 0, "y": 0, "width": across, "height": down, "scale": 1}
        taken = self._cdp.send("Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True})
        png = base64.b64decode(taken["data"])
        wide, high = size_of(png)
        return Shot(png=png, width=wide, height=high, found=found)

    def _window(self, width: int, height: int, scale: float) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self._cdp.send("Emulation.setDeviceMetricsOverride", size)

    def _guarded(self, work: Callable[[], Any], seconds: float) -> Any:
        errors = require("playwright.sync_api", extra="docs-browser")
        late = threading.Event()

        def end() -> None:
            late.set()
            _SHARED.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            return work()
        except errors.Error as error:
            gone = late.is_set() or "closed" in str(error) or "crash" in str(error).lower()
            if gone:
                self._forget()
            words = f"did not end within {seconds:g} seconds" if late.is_set() else _words(str(error))
            raise RenderError(self._tool, words) from None
        finally:
            timer.cancel()

    def _forget(self) -> None:
        """After a crash: neither this page nor any of that browser is used again."""
        _SHARED.kill()
        _SHARED.generation += 1
        self._page = None


def _words(error: str) -> str:
    """What a page complained of, without the stack of the bundle."""
    lines = [line for line in error.splitlines() if not line.lstrip().startswith("at ")]
    return "\n".join(lines).removeprefix("Page.evaluate: ")
