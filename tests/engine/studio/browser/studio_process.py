"""A real studio in a process of its own, and a person's first steps in it, for tests that drive a browser."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Studio", "come_in"]

HERE = Path(__file__).parent
START_SECONDS = 60.0


@dataclass
class Studio:
    """``openmolmo studio serve`` in ``directory``; ``toys``: with the toy mode and its tasks, and nothing else.

    ``address`` and ``link`` (one-time, admin) are those of the newest start; the port stays the same. ``inner``: where
    it listens, if a proxy gives it another address.
    """

    directory: Path
    database: str
    toys: bool = False
    options: tuple[str, ...] = ()
    address: str = ""
    link: str = ""
    inner: str = ""
    said: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, or start it again at the same address, and wait until it answers."""
        port = (self.inner or self.address).rpartition(":")[2] or "0"
        program = [str(HERE / "serve_toys.py")] if self.toys else ["-m", "openmolmo"]
        serve = ["studio", "serve", "--dir", str(self.directory), "--no-open", "--port", port, *self.options]
        self.said, self.link = [], ""
        self.process = subprocess.Popen(
            [sys.executable, *program, *serve],
            env={**os.environ, "OPENMOLMO_STUDIO_DATABASE": self.database, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        end = time.monotonic() + START_SECONDS
        while not self.link or not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError("the studio did not start:\n" + "".join(self.said))
            time.sleep(0.05)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.said.append(line)
            if found := re.search(r"https?://\S+/join/\S+", line):
                self.link = found[0]
                self.address = self.link.partition("/join/")[0]

    def _answers(self) -> bool:
        import httpx2

        try:
            return httpx2.get(f"{self.inner or self.address}/health", verify=False).status_code == 200
        except httpx2.TransportError:
            return False

    def kill(self) -> None:
        """As if the power went: no process of the studio gets to say a word."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ctrl-C."""
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()

    def run(self, *words: str) -> str:
        """What ``openmolmo studio <words>`` prints, for this studio."""
        done = subprocess.run(
            [sys.executable, "-m", "openmolmo", "studio", *words, "--dir", str(self.directory)],
            env={**os.environ, "OPENMOLMO_STUDIO_DATABASE": self.database},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def invite(self, role: str = "annotator") -> str:
        """A link for one new person."""
        token = self.run("users", "invite", "--role", role).strip().rpartition("/join/")[2]
        return f"{self.address}/join/{token}"

    @contextmanager
    def running(self) -> Iterator[Studio]:
        """Started, and stopped at the end."""
        self.start()
        try:
            yield self
        finally:
            self.stop()


def come_in(page: Any, link: str, name: str = "") -> None:
    """Open a link, give a name where one is asked for, and be at the start page."""
    page.goto(link)
    if page.locator("main input[name=name]").count():
        page.locator("main input[name=name]").fill(name)
    page.locator("main form button.primary").click()
    page.wait_for_url(re.compile(r"^https?://[^/]+/$"))
