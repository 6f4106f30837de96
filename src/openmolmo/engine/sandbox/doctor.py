"""What ``openmolmo doctor`` says of the sandbox: whether code by a language model can be run here, and by what."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

from openmolmo.core.doctor import Finding
from openmolmo.engine.sandbox.launch import sandbox_missing

__all__ = ["sandbox_findings"]


def sandbox_findings() -> Iterator[Finding]:
    """One finding; an empty sandbox is opened for it, and closed."""
    missing = sandbox_missing()
    if missing is None:
        yield Finding(group="machine", name="sandbox", value=f"{_engine()}: code by a language model can be run")
        return
    why, _, fix = missing.rpartition(": ")
    yield Finding(group="machine", name="sandbox", value=why, state="note", fix=fix or None)


def _engine() -> str:
    if shutil.which("runsc"):
        return "gVisor's runsc"
    done = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.strip() or "bubblewrap"
