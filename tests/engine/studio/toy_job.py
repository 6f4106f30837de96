"""Jobs for tests of the worker: they write down that they ran, and do what their payload says."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openmolmo.engine.studio.jobs import BadJobError, JobContext

__all__ = ["install", "run"]


def run(context: JobContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    with (context.directory / "ran.txt").open("a") as stream:
        stream.write(f"{context.job_id}\n")
    if payload.get("do") == "hang" and context.attempt == 1:
        time.sleep(60)
    if payload.get("do") == "fault":
        raise ZeroDivisionError("a plug-in's own fault")
    if payload.get("do") == "bad":
        raise BadJobError("the recording was erased")
    return {"attempt": context.attempt}


def install(folder: Path) -> None:
    """Make ``folder``, when it is on the path, an installed package with this job in it: kind ``toy``."""
    described = folder / "toy_job-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-job\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[openmolmo.studio_jobs]\ntoy = toy_job:run\n")
    (folder / "toy_job.py").write_text(Path(__file__).read_text())
