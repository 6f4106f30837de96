"""Atomic statements of a caption, and a deterministic judge of captions built on them.

    "Two red stars, both large." -> {(object, red star, present), (count, red star, 2), (size, red star, large)}

A statement is (kind, subject, value). Subjects are singular noun phrases: ``red star``, ``star``,
``red object``, ``object``, or ``background`` and ``picture``. Kinds: ``object``, ``count``, ``size``,
``pattern``, ``place``, ``left of`` / ``right of`` / ``above`` / ``below`` / ``covers`` (value: another
subject), ``background`` (its kind), ``tone`` (its colours), ``ground`` and ``style``.

The judge follows the idea of the caption F1 of arXiv 2409.17146 (section 4): split into atomic
statements, recall over what the full caption of the scene would state, precision over what was stated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from openmolmo.engine.synth.scenes.graph import relation
from openmolmo.engine.synth.scenes.reading import read

__all__ = ["Statement", "read_statements", "reference_statements", "score_caption", "true_statements"]


class Statement(NamedTuple):
    """One atomic claim about a picture."""

    kind: str
    subject: str
    value: str


def read_statements(text: str) -> set[Statement]:
    """The statements a caption or transcript makes; any text is accepted, what is not understood is skipped."""
    return {Statement(*found) for found in read(text)}


def reference_statements(facts: Mapping[str, Any]) -> set[Statement]:
    """What the full caption of a scene says.

    Relations are extra (a caption may choose any), and so is the total when all objects are of one kind.
    """
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for thing in facts["objects"]:
        groups[f"{thing['colour']} {thing['shape']}"].append(thing)
    found = {Statement("count", "object", str(len(facts["objects"])))} if len(groups) > 1 else set()
    for subject, things in groups.items():
        found |= {s for s in _about(subject, things) if s.value != "plain"}
    unsaid = facts.get("unsaid", ())
    return found | {statement for statement in _surroundings(facts) if statement.kind not in unsaid}


def true_statements(facts: Mapping[str, Any]) -> set[Statement]:
    """Everything true that a caption can state about the scene, at every level of detail."""
    found = _surroundings(facts)
    for subject, things in _by_subject(facts["objects"]).items():
        found |= set(_about(subject, things))
    return found | _relations(facts["objects"])


def score_caption(text: str, facts: Mapping[str, Any]) -> tuple[float, float, float]:
    """(precision, recall, F1), 0-1, of a caption against the scene graph."""
    stated = _read(text)
    reference = reference_statements(facts)
    if not stated:
        return 0.0, 0.0, 0.0
    precision = len(_true_among(stated, facts)) / len(stated)
    recall = len(stated & reference) / len(reference)
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@lru_cache(maxsize=512)  # one caption is judged on many scenes, when the most typical one is looked for
def _read(text: str) -> frozenset[Statement]:
    return frozenset(read_statements(text))


def _true_among(stated: frozenset[Statement], facts: Mapping[str, Any]) -> set[Statement]:
    """Those of ``stated`` that are in :func:`true_statements`, without making all of it: it has thousands."""
    groups = _by_subject(facts["objects"])
    found = _surroundings(facts)
    for subject in {statement.subject for statement in stated} & groups.keys():
        found |= set(_about(subject, groups[subject]))
    related = {statement for statement in stated - found if statement.value in groups}
    for subject, other in {(statement.subject, statement.value) for statement in related}:
        found |= {Statement(kind, subject, other) for kind in _between(groups.get(subject, []), groups[other])}
    return found & stated


def _by_subject(things: list[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for index, thing in enumerate(things):
        for subject in _subjects(thing):
            groups[subject].append({**thing, "index": index})
    return groups


def _between(ones: list[Mapping[str, Any]], others: list[Mapping[str, Any]]) -> set[str]:
    """Every relation in which one of ``ones`` stands to one of ``others``."""
    found: set[str] = set()
    for one in ones:
        for other in others:
            if one["index"] != other["index"]:
                found.update(relation(one["x"], one["y"], other["x"], other["y"]))
                if other["index"] in one["covers"]:
                    found.add("covers")
    return found


def _subjects(thing: Mapping[str, Any]) -> tuple[str, ...]:
    colour, shape = thing["colour"], thing["shape"]
    return f"{colour} {shape}", shape, f"{colour} object", "object"


def _about(subject: str, things: list[Mapping[str, Any]]) -> Iterable[Statement]:
    yield Statement("object", subject, "present")
    yield Statement("count", subject, str(len(things)))
    for thing in things:
        for kind in ("size", "pattern", "place"):
            yield Statement(kind, subject, thing[kind])


def _surroundings(facts: Mapping[str, Any]) -> set[Statement]:
    background = facts["background"]
    found = {Statement("background", "background", background["kind"]), Statement("style", "picture", facts["style"])}
    found |= {Statement("tone", "background", colour) for colour in background["colours"]}
    if background["ground"]:
        found.add(Statement("ground", "background", background["ground"]))
    return found


def _relations(things: list[Mapping[str, Any]]) -> set[Statement]:
    groups = _by_subject(things)
    return {Statement(kind, a, b) for a in groups for b in groups for kind in _between(groups[a], groups[b])}
