"""Answers as they come, on the disk before the next question is asked: a run that is killed goes on from there.

A line of ``answers.jsonl`` holds what was answered together, since a batch that is asked again must be the same batch:
a model's numbers depend in their last digits on what else is computed with them.

    {"answers": [{"id": "text_vqa/000001", "text": "stop", "finished": true}, ...]}
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from openmolmo.core.errors import ConfigError, DataError, RunError
from openmolmo.core.files import disk_full_as_error, write_json

__all__ = ["ANSWERS", "SETTINGS", "Journal", "Said", "hold_to_settings"]

ANSWERS, SETTINGS = "answers.jsonl", "settings.json"


@dataclass(frozen=True, slots=True)
class Said:
    """The text of a reply, and whether it ended by itself. Half characters, which no file can hold, become ``?``."""

    text: str
    finished: bool = True

    def __post_init__(self) -> None:
        whole = self.text.encode("utf-8", "replace").decode("utf-8")
        if whole != self.text:
            object.__setattr__(self, "text", whole)


class Journal:
    """The answers of a run by the ids of its questions; ``add`` returns when they are on the disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / ANSWERS
        self.answers: dict[str, Said] = {}
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._hold()
        self._read()

    def add(self, answers: Sequence[tuple[str, Said]]) -> None:
        """Keep what was answered together."""
        if not answers:
            return
        values = [{"id": name, "text": said.text, "finished": said.finished} for name, said in answers]
        line = (json.dumps({"answers": values}) + "\n").encode()
        with disk_full_as_error(self.path):
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        self.answers.update(answers)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def _hold(self) -> None:
        """Two runs never write into one journal; a killed one lets go by itself."""
        if sys.platform == "win32":  # files cannot be locked so there
            return
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise RunError(
                f"another run is writing into {self.path.parent}", fix="wait for its end, or give another --out"
            ) from error

    def _read(self) -> None:
        """Read what is there; a last line that was cut is taken off."""
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].split(b"\n")[:-1], start=1):
            try:
                values = json.loads(line)["answers"]
                self.answers.update((one["id"], Said(one["text"], one["finished"])) for one in values)
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"is no line of answers: {error}", file=str(self.path), row=number, fix="give another --out"
                ) from error
        if whole < len(content):
            with self.path.open("r+b") as stream:
                stream.truncate(whole)


def hold_to_settings(folder: Path, settings: dict[str, Any], *, resume: bool) -> None:
    """Write the settings of a new run; of one that goes on check that they are the same.

    Raises RunError where the folder has answers and it is not said to go on, ConfigError naming both values where
    answers were given under another setting.
    """
    path = folder / SETTINGS
    settings = json.loads(json.dumps(settings))
    if (folder / ANSWERS).exists() and not path.exists():
        raise RunError(f"{folder} has answers, but no {SETTINGS} that says of what", fix="give another --out")
    if not path.exists():
        write_json(path, settings)
        return
    if not resume:
        raise RunError(f"{folder} has an earlier run", fix="--resume goes on with it; or give another --out")
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}", fix="give another --out") from error
    for name, old, new in _differing(before, settings):
        raise ConfigError(
            f"the answers in {folder} were given with {name}={_shown(old)}, now it is {_shown(new)}",
            fix="give another --out, or the setting of before",
        )


def _differing(before: Any, now: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return [] if before == now else [(name, before, now)]
    found = []
    for key in dict.fromkeys((*before, *now)):
        found += _differing(before.get(key), now.get(key), f"{name}.{key}".lstrip("."))
    return found


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
