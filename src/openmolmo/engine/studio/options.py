"""Options of a project for one mode: the mode's own first values, and over them what the project sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openmolmo.core.errors import ConfigError
from openmolmo.engine.studio.store.tables import Project
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["DEFAULTS", "finished_states", "mode_options"]

DEFAULTS: Mapping[str, Any] = {
    "annotations": 1,  # people a task
    "lease_seconds": 1800.0,  # how long a task stays somebody's without a sign of life
    "gold_share": 0.0,  # of the tasks that a person gets, 0-1
}
"""What every mode has, where it says nothing else. ``needs_review`` is the mode's own."""


def mode_options(project: Project, mode: str) -> dict[str, Any]:
    """Options of ``mode`` in ``project``: ``project.settings[mode]`` over :attr:`Mode.defaults` over DEFAULTS."""
    plugin = MODES.get(mode)
    own = project.settings.get(mode, {})
    if not isinstance(own, Mapping):
        raise ConfigError(f"project {project.name!r}: options of {mode} are {own!r}, must be name: value")
    options = {**DEFAULTS, "needs_review": plugin.needs_review, **plugin.defaults, **own}
    if not 0 <= float(options["gold_share"]) < 1:
        raise ConfigError(f"project {project.name!r}: gold_share of {mode} is {options['gold_share']}, must be 0-1")
    return options


def finished_states(options: Mapping[str, Any]) -> tuple[str, ...]:
    """States of work that counts and is exported, by the options of a mode: accepted only, where it needs a review."""
    return ("accepted",) if options["needs_review"] else ("submitted", "accepted")
