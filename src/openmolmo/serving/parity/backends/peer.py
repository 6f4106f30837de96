"""Peers that have a Python of their own: a script there answers, this process reads its lines.

A peer that dies, hangs or cannot start is a failure of the questions it has not answered, with the last lines that it
wrote to standard error.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from openmolmo.core.errors import ConfigError, OpenMolmoError, RunError
from openmolmo.core.files import write_json
from openmolmo.serving.parity.asked import Question
from openmolmo.serving.parity.backends.base import Outcome, Reply

__all__ = ["PeerBackend", "peer_python"]

_WORKERS = Path(__file__).parents[1] / "workers"
_TAIL = 3  # lines of standard error that are told


def peer_python(variable: str, packages: str) -> Path:
    """The Python of a peer, from the environment. Raises ConfigError where the variable names none."""
    given = os.environ.get(variable)
    if not given:
        raise ConfigError(
            f"{variable} is not set: it names the Python that has {packages}",
            fix=f'make one: python -m venv peer && peer/bin/pip install {packages}; {variable}="$PWD/peer/bin/python"',
        )
    found = shutil.which(given)
    if found is None:
        raise ConfigError(f"{variable}={given!r} is no program", fix="give the path of a Python, e.g. peer/bin/python")
    return Path(found)


class PeerBackend:
    """``job``: what the script is told beside the requests; ``extra(place, question, folder)``: more of each request,
    None where the script makes its own of it. ``patience``: seconds without a line after which it is given up.
    """

    def __init__(
        self,
        script: str,
        python: Path,
        job: Mapping[str, Any],
        *,
        environment: Mapping[str, str] | None = None,
        extra: Callable[[int, Question, Path], Mapping[str, Any]] | None = None,
        patience: float = 900.0,
    ) -> None:
        self._script, self._python, self._job = _WORKERS / script, python, dict(job)
        self._environment, self._extra, self._patience = environment or {}, extra, patience
        self.about: dict[str, Any] = {"python": str(python)}
        self._folder = Path(tempfile.mkdtemp(prefix="openmolmo-parity-"))

    def replies(self, questions: Sequence[Question]) -> Iterator[Outcome]:
        """As the script gives them."""
        asked: list[dict[str, Any]] = []
        for place, question in enumerate(questions):
            try:
                asked.append(self._request(place, question))
            except OpenMolmoError as error:
                yield place, error
        write_json(self._folder / "job.json", {**self._job, "requests": asked})
        waiting = {request["place"] for request in asked}
        why = ""
        for line in self._lines():
            if isinstance(line, str):
                why = line
            elif "ready" in line:
                self.about |= line["ready"]
            elif line["place"] in waiting:
                waiting.discard(line["place"])
                yield line["place"], _outcome(line)
        for place in sorted(waiting):
            yield place, RunError(why or "it ended without a reply to this", fix="run its Python alone to see more")

    def close(self) -> None:
        """Remove what was written for it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _request(self, place: int, question: Question) -> dict[str, Any]:
        request = question.request
        if request.max_crops is not None or request.stop:
            raise ConfigError("peers take neither max_crops nor stop", fix="leave them out of the request")
        paths = [self._folder / f"{place}-{number}.png" for number in range(len(request.images))]
        for path, image in zip(paths, request.images, strict=True):
            assert isinstance(image, bytes)
            path.write_bytes(image)
        return {
            "place": place,
            "text": request.text,
            "history": list(request.history),
            "images": list(map(str, paths)),
            "max_new_tokens": request.max_new_tokens,
            **({} if self._extra is None else self._extra(place, question, self._folder)),
        }

    def _lines(self) -> Iterator[dict[str, Any] | str]:
        """Lines of the script; last, where it did not end well, a text that says so."""
        log = self._folder / "stderr.txt"
        with log.open("wb") as errors, subprocess.Popen(
            # -P: neither the script's folder nor this one comes before the peer's own packages
            [self._python, "-P", self._script, self._folder / "job.json"],
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | dict(self._environment),
            start_new_session=True,
        ) as process:  # fmt: skip
            lines: queue.Queue[bytes | None] = queue.Queue()
            assert process.stdout is not None
            threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
            try:
                while (line := lines.get(timeout=self._patience)) is not None:
                    yield json.loads(line)
                code = process.wait(timeout=60)
                if code:
                    yield f"it died with {_died(code)}{_tail(log)}"
            except queue.Empty:
                yield f"it said nothing for {self._patience:g} seconds{_tail(log)}"
            except subprocess.TimeoutExpired:
                yield "it closed its output, but does not end"
            except ValueError:
                yield f"it wrote what is no JSON{_tail(log)}"
            finally:
                _end(process)


def _read(stream: Any, lines: queue.Queue[bytes | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and what it started."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, 9)
        else:
            process.kill()


def _died(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit status {code}"


def _tail(log: Path) -> str:
    said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f": {' | '.join(said[-_TAIL:])}" if said else ""


def _outcome(line: Mapping[str, Any]) -> Reply | OpenMolmoError:
    if "error" in line:
        return RunError(line["error"])
    return Reply(
        text=line["text"],
        ids=tuple(line["ids"]),
        tops=tuple({int(token): float(value) for token, value in top} for top in line["tops"]),
        finished=line["finished"],
        seconds=line["seconds"],
    )
