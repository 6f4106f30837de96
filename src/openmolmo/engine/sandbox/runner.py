"""Runs jobs in a sandbox, one after the other, and throws the sandbox away when anything is odd about it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from openmolmo.core.config import to_dict
from openmolmo.engine.sandbox.launch import (
    Engine,
    Place,
    SandboxRefused,
    bwrap_command,
    runsc_bundle,
    sandbox_missing,
)
from openmolmo.engine.sandbox.limits import End, Limits, Outcome

__all__ = ["Sandbox"]

_START = 90.0  # seconds for imports on a slow disk
_GRACE = 6.0
_ENDS: tuple[End, ...] = ("done", "error", "time", "flood", "killed")


class Sandbox:
    """A place for jobs of one trust level: give strangers who must not meet a sandbox each. Use it with ``with``.

    ``preload`` are modules that are imported once, and ``warm`` code that is run once, before any job; the sandbox is
    opened anew after ``recycle`` jobs, and whenever a job has spoilt it. ``engine``: "bwrap", "runsc" (gVisor), or
    "auto": runsc where it is installed. Opening raises SandboxRefused where neither can be had. Keep it in the thread
    that opened it: bubblewrap ends with that thread.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        preload: Sequence[str] = (),
        warm: str = "",
        recycle: int = 200,
        engine: Engine = "auto",
        place: Place | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.opened = 0
        """How often a sandbox was opened so far."""
        self._preload, self._warm, self._recycle, self._engine = tuple(preload), warm, recycle, engine
        self._given = place
        self._process: subprocess.Popen[bytes] | None = None
        self._stack = contextlib.ExitStack()
        self._served, self._walls = 0, True
        self._lock = threading.Lock()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.close()

    def run(self, *sources: str, limits: Limits | None = None) -> Outcome:
        """Run Python sources one after the other, in one process that has their names in common, in an empty folder.

        Never raises for what the code does; the files that it leaves in its folder are in the outcome.
        """
        with self._lock:
            used = limits or self.limits
            started = time.monotonic()
            try:
                if self._process is None:
                    self._open()
                self._send({"sources": sources, "limits": to_dict(used)})
                answer = self._receive(used.seconds + _GRACE, 2 * used.taken + 1_000_000)
                outcome = _outcome(answer, time.monotonic() - started, used)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):  # it died, or speaks nonsense
                self.close()
                end: End = "time" if time.monotonic() - started >= used.seconds else "lost"
                outcome = Outcome(end=end, said="the sandbox was lost", seconds=time.monotonic() - started)
            except BaseException:
                self.close()  # interrupted in the middle of an answer: the next job must not get it
                raise
            self._served += 1
            if self._process is not None and (self._served >= self._recycle or not self._walls):
                self.close()  # without walls between jobs each of them gets a sandbox of its own
            return outcome

    def close(self) -> None:
        """End everything that runs in it."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        self._stack.close()

    def _open(self) -> None:
        missing = sandbox_missing(self._engine)
        if missing is not None:
            raise SandboxRefused(missing)
        place = self._given or Place.here()
        words = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        self._process = subprocess.Popen(
            self._command(place),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            env={"PATH": os.environ.get("PATH", "/usr/bin")},
            start_new_session=True,
            bufsize=0,
        )
        self.opened += 1
        self._served = 0
        setup = {"uid": place.uid, "paths": place.paths, "preload": self._preload, "warm": self._warm}
        if self._with_runsc():
            setup["uid"] = None  # it is that uid already
        try:
            self._send(setup)
            ready = self._receive(_START, 10_000)
            self._walls = bool(ready["walls"])
        except (OSError, ValueError, KeyError) as error:
            words.seek(0)
            said = words.read()[-2000:].decode("utf-8", "replace").strip().splitlines() or [str(error)]
            self.close()
            raise SandboxRefused(
                f"the sandbox does not open: {said[-1]}",
                fix="the Python environment must be readable for others, and namespaces allowed; templates still run",
            ) from error

    def _with_runsc(self) -> bool:
        return self._engine == "runsc" or (self._engine == "auto" and shutil.which("runsc") is not None)

    def _command(self, place: Place) -> list[str]:
        if not self._with_runsc():
            return bwrap_command(place)
        return runsc_bundle(place, Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-"))))

    def _send(self, value: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        data = json.dumps(value).encode()
        rest = memoryview(struct.pack(">Q", len(data)) + data)
        while rest:
            rest = rest[os.write(self._process.stdin.fileno(), rest) :]

    def _receive(self, seconds: float, most: int) -> dict[str, Any]:
        """One frame of at most ``most`` bytes. Raises OSError or ValueError for anything else."""
        assert self._process is not None
        assert self._process.stdout is not None
        handle, deadline, data = self._process.stdout.fileno(), time.monotonic() + seconds, b""
        wanted = 8
        while len(data) < wanted:
            rest = deadline - time.monotonic()
            if rest <= 0 or not select.select([handle], [], [], rest)[0]:
                raise TimeoutError(f"no answer in {seconds:.0f} s")
            part = os.read(handle, 1 << 20)
            if not part:
                raise ValueError("it ended without an answer")
            data += part
            if len(data) >= 8:
                wanted = 8 + struct.unpack(">Q", data[:8])[0]
                if wanted > most:
                    raise ValueError(f"an answer of {wanted} bytes")
        value = json.loads(data[8:wanted])
        return dict(value)


def _outcome(answer: dict[str, Any], seconds: float, limits: Limits) -> Outcome:
    """The answer as a value; ValueError, KeyError or TypeError where it is none."""
    end = answer["end"]
    if end not in _ENDS:
        raise ValueError(f"an odd end: {end!r}")
    files = {str(name): base64.b64decode(data, validate=True) for name, data in answer["files"].items()}
    if sum(map(len, files.values())) > limits.taken or any("/" in name for name in files):
        raise ValueError("more than may be taken, or a name with a folder")
    left_out = tuple(str(one)[:200] for one in answer["left_out"][: limits.files + 1])
    return Outcome(end=end, said=str(answer["said"])[-4000:], files=files, left_out=left_out, seconds=seconds)
