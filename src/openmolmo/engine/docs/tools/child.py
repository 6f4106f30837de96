"""A process that answers one JSON line with another; ended where it takes too long, and started again."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import Any

from openmolmo.engine.docs.failures import RenderError

__all__ = ["LineChild"]


class LineChild:
    """``command`` is started at the first request. ``tool``: who is named in errors."""

    def __init__(self, tool: str, command: list[str], *, timeout: float, first_timeout: float) -> None:
        self._tool, self._command = tool, command
        self._timeout, self._first_timeout = timeout, first_timeout
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply; a process that hangs or dies is a ``RenderError``, and the next request has a new one."""
        timeout = self._timeout if self._process is not None else self._first_timeout
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(timeout, end)
        timer.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if line.endswith("\n"):
            reply: dict[str, Any] = json.loads(line)
            return reply
        self.close()
        words = f"did not end within {timeout:g} seconds" if late.is_set() else "its process ended without an answer"
        raise RenderError(self._tool, words)

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        return self._process

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.communicate()
