"""Which judge of captions knows the facts of an example: each world of drawings has its own words.

Facts name their world under ``judge``; those without are of scenes. A caption without facts is read by the words of
the world whose things it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from openmolmo.engine.synth.icons import statements as icons
from openmolmo.engine.synth.scenes import statements as scenes
from openmolmo.engine.synth.scenes.statements import Statement
from openmolmo.engine.synth.scenes.vocabulary import PLURALS

__all__ = ["Statement", "read_statements", "reference_statements", "score_caption", "true_statements"]

_WORLDS: Mapping[str, ModuleType] = {"scenes": scenes, "icons": icons}


def _world(facts: Mapping[str, Any]) -> ModuleType:
    return _WORLDS[facts.get("judge", "scenes")]


def read_statements(text: str) -> set[Statement]:
    """The statements a caption makes, in the words of icons if it names more things that only icons know."""
    in_scenes, in_icons = scenes.read_statements(text), icons.read_statements(text)
    shapes = {statement.subject for statement in in_scenes if statement.kind == "object"} - {"object"}
    things = {statement.subject for statement in in_icons if statement.kind == "object"} - PLURALS.keys()
    return in_icons if things and len(things) >= len(shapes) else in_scenes


def reference_statements(facts: Mapping[str, Any]) -> set[Statement]:
    """What the full caption says."""
    found: set[Statement] = _world(facts).reference_statements(facts)
    return found


def true_statements(facts: Mapping[str, Any]) -> set[Statement]:
    """Everything true that a caption can state."""
    found: set[Statement] = _world(facts).true_statements(facts)
    return found


def score_caption(text: str, facts: Mapping[str, Any]) -> tuple[float, float, float]:
    """(precision, recall, F1), 0-1, of a caption against the facts."""
    scores: tuple[float, float, float] = _world(facts).score_caption(text, facts)
    return scores
