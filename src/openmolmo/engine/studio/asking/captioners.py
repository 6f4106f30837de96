"""Captions by a model of one's own: ``NAME`` or ``NAME:ARGUMENT`` in the option ``captioner`` of a project.

``openmolmo:FOLDER`` runs ``openmolmo caption`` on a checkpoint of this project in a process of its own, so that the
studio needs no torch. It must be a model that was trained on spoken captions only, else the answers that are drafted
from its words would be those of a model that saw answers. Another captioner is an entry point in
``openmolmo.studio_captioners``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from openmolmo.core.errors import ConfigError, RunError
from openmolmo.core.registry import Registry

__all__ = ["CAPTIONERS", "Captioner", "caption_by", "own_model"]

Captioner = Callable[[Path, str], str]
"""From a picture's file and the argument to a caption."""

CAPTIONERS: Registry[Captioner] = Registry("studio_captioner")

_SECONDS = 900.0


def caption_by(line: str, picture: Path) -> str:
    """The caption by the captioner that ``line`` names. Raises RunError or ConfigError where there is none."""
    name, _, argument = line.strip().partition(":")
    text = CAPTIONERS.get(name)(picture, argument.strip()).strip()
    if not text:
        raise RunError(f"the captioner {line} had nothing to say", fix="try it on the picture by hand")
    return text


def own_model(picture: Path, argument: str) -> str:
    """A caption by ``openmolmo caption``; ``argument`` is a checkpoint folder, a run's folder or a bundled name."""
    if not argument or argument.startswith("-"):
        raise ConfigError("the captioner openmolmo needs a model", fix="write openmolmo:FOLDER")
    command = [sys.executable, "-m", "openmolmo", "caption", str(picture), "--model", argument, "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RunError(f"openmolmo caption took more than {_SECONDS:.0f} seconds") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing was said"]
        raise RunError(f"openmolmo caption --model {argument} failed: {said[-1]}", fix="run it by hand to see why")
    try:
        found = json.loads(done.stdout)
        first = found[0] if isinstance(found, list) else found
        return str(first["text"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise RunError(f"openmolmo caption gave no caption: {done.stdout[:200]!r}") from error
