"""The run log: one JSON object a line, appended and flushed, readable after any crash."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from openmolmo.core.files import disk_full_as_error

__all__ = ["RunLog", "read_jsonl"]


class RunLog:
    """Append-only JSON lines with a ``time`` (seconds since 1970) in each."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        _drop_cut_line(path)
        self._stream = path.open("ab", buffering=0)  # nothing stays behind that a full disk would refuse once more

    def write(self, **fields: Any) -> None:
        """Append one line. Raises DiskFullError where there is no room for it."""
        line = (json.dumps({"time": round(time.time(), 3), **fields}) + "\n").encode()
        with disk_full_as_error(self.path):
            while line:
                line = line[self._stream.write(line) :]

    def close(self) -> None:
        """Close the file; writing afterwards is an error."""
        self._stream.close()

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _drop_cut_line(path: Path) -> None:
    """A last line without its newline was cut by a crash; appending to it would spoil two lines."""
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as stream:
                stream.truncate(whole)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Every whole line of a JSON-lines file; a last line cut by a crash is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = []
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            if number < len(lines) - 1:
                raise
    return rows
