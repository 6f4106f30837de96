"""Which commit a result was made with."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["code_commit"]


def code_commit() -> str:
    """The commit of a git work tree that holds this code, marked ``-dirty`` where it is changed; else an empty text."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
