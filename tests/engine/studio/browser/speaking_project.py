"""The sample project with speaking only, least seconds that a test can wait for, and a microphone that hears words."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select
from studio_process import Studio

from openmolmo.engine.studio.importing.beginning import init_sample
from openmolmo.engine.studio.settings import read_settings, write_settings
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.engine.studio.store.tables import Project, Task

__all__ = ["TEXT", "hears", "prepare", "say_to_file"]

TEXT = (
    "There are three boats on a calm lake. A tall green tree stands at the shore on the left. "
    "Two people sit on a wooden bench and look at the water. The sky is blue with a few white clouds. "
    "A small red house with a brown roof is in the background. It is a photograph in warm colours. "
)


def say_to_file(path: Path, text: str = TEXT) -> Path:
    """What flite says, as .wav; skips where it is not installed."""
    flite = shutil.which("flite")
    if flite is None:
        pytest.skip("flite is not installed here (Debian: flite)")
    subprocess.run([flite, "-voice", "slt", "-t", text, "-o", str(path)], check=True, timeout=60)
    return path


def hears(path: Path) -> tuple[str, ...]:
    """Flags of a browser whose microphone hears a file, over and over."""
    return (f"--use-file-for-fake-audio-capture={path}",)


def prepare(directory: Path, database_url: str, *, annotations: int = 1, speech: str = "pocketsphinx") -> Studio:
    """A studio that was not started yet: speaking, for at least eight seconds."""
    directory.mkdir(parents=True, exist_ok=True)
    write_settings(read_settings(directory, {"speech": speech}))
    database = upgrade(database_url)
    init_sample(directory, database)
    with database.begin() as rows:
        rows.execute(delete(Task).where(Task.mode != "speak"))
        for task in rows.scalars(select(Task)):
            task.need = task.slots = annotations
        options: dict[str, Any] = {"min_seconds": 8.0, "annotations": annotations}
        rows.scalars(select(Project)).one().settings = {"speak": options}
    database.close()
    return Studio(directory, database_url)
