"""The real server in a process of its own, and how much of its work is talking rather than answering."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Server", "Work", "served"]

_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True)
class Work:
    """Seconds of processor time: of the thread of HTTP, JSON and events, and of all threads."""

    talking: float
    all: float

    def __sub__(self, other: Work) -> Work:
        return Work(self.talking - other.talking, self.all - other.all)


@dataclass(frozen=True)
class Server:
    """A server that runs: its address, and its process where that is known."""

    url: str
    pid: int | None = None

    def work(self) -> Work | None:
        """Since it began; None where the system does not tell."""
        process = Path(f"/proc/{self.pid}")
        if self.pid is None or not process.exists():
            return None
        # The first thread is that of the event loop; the model, and what opens pictures, have theirs.
        return Work(_seconds(process / f"task/{self.pid}/stat"), _seconds(process / "stat"))


def _seconds(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


@contextlib.contextmanager
def served(tokens: int, queue: int) -> Iterator[Server]:
    """nano behind ``openmolmo serve``, for as long as this lasts."""
    command = [sys.executable, "-m", "openmolmo", "serve", "nano", "--port", "0", "--no-open", "--quiet"]
    command += ["--max-tokens", str(tokens), "--queue", str(queue)]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"at (http://[\d.:]+)/v1", line)
            if found is None:
                raise SystemExit(f"the server did not start: it said {line!r}")
            yield Server(found[1], process.pid)
        finally:
            process.terminate()
