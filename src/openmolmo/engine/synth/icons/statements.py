"""Atomic statements of a caption of icons, and a deterministic judge of captions built on them.

As in :mod:`openmolmo.engine.synth.scenes.statements`: a statement is (kind, subject, value). Subjects are names of
things, ``object``, ``background`` and ``sign``; kinds are ``object``, ``count``, ``size``, ``colour``, ``place``,
``shelf``, ``cell`` (row and column), the relations, ``text``, and those of the surroundings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from openmolmo.engine.synth.icons.reading import read
from openmolmo.engine.synth.icons.surroundings import claims_of
from openmolmo.engine.synth.scenes.graph import relation
from openmolmo.engine.synth.scenes.statements import Statement

__all__ = ["read_statements", "reference_statements", "score_caption", "true_statements"]

_Groups = dict[str, list[Mapping[str, Any]]]


def read_statements(text: str) -> set[Statement]:
    """The statements a caption or transcript makes; any text is accepted, what is not understood is skipped."""
    return {Statement(*found) for found in read(text)}


def reference_statements(facts: Mapping[str, Any]) -> set[Statement]:
    """What the full caption says: how many of what, sizes, clear colours, places, surroundings and signs."""
    groups = _groups(facts)
    found = _surroundings(facts)
    for name, things in groups.items():
        if name == "object" and len(groups) == 2:
            continue  # all are of one kind
        found |= {Statement("object", name, "present")} if name != "object" else set()
        found.add(Statement("count", name, str(len(things))))
        if name != "object":
            for thing in things:
                found |= {Statement("size", name, thing["size"]), Statement(thing["where"][0], name, thing["where"][1])}
                found |= {Statement("colour", name, thing["colour"])} if thing["colour"] else set()
    return found


def true_statements(facts: Mapping[str, Any]) -> set[Statement]:
    """Everything true that a caption can state."""
    groups, found = _groups(facts), _surroundings(facts)
    for name, things in groups.items():
        found |= _about(name, things)
        for other, others in groups.items():
            found |= {Statement(kind, name, other) for kind in _between(things, others)}
    return found


def score_caption(text: str, facts: Mapping[str, Any]) -> tuple[float, float, float]:
    """(precision, recall, F1), 0-1, of a caption against the facts."""
    stated = _read(text)
    if not stated:
        return 0.0, 0.0, 0.0
    reference = reference_statements(facts)
    precision = len(stated & true_statements(facts)) / len(stated)
    recall = len(stated & reference) / len(reference)
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@lru_cache(maxsize=512)  # one caption is judged on many pictures, when the most typical one is looked for
def _read(text: str) -> frozenset[Statement]:
    return frozenset(read_statements(text))


def _groups(facts: Mapping[str, Any]) -> _Groups:
    groups: _Groups = defaultdict(list)
    for index, thing in enumerate(facts["objects"]):
        groups[thing["name"]].append({**thing, "index": index})
        groups["object"].append({**thing, "index": index})
    return groups


def _about(name: str, things: list[Mapping[str, Any]]) -> set[Statement]:
    found = {Statement("object", name, "present"), Statement("count", name, str(len(things)))}
    for thing in things:
        found |= {Statement("size", name, thing["size"]), Statement("place", name, thing["place"])}
        found.add(Statement(thing["where"][0], name, thing["where"][1]))
        found |= {Statement("colour", name, colour) for colour in {*thing["colours"], thing["colour"]} if colour}
    return found


def _between(ones: list[Mapping[str, Any]], others: list[Mapping[str, Any]]) -> set[str]:
    found: set[str] = set()
    for one in ones:
        for other in others:
            if one["index"] != other["index"]:
                found.update(relation(one["x"], one["y"], other["x"], other["y"]))
                if other["index"] in one["covers"]:
                    found.add("covers")
    return found


def _surroundings(facts: Mapping[str, Any]) -> set[Statement]:
    setting = facts["setting"]
    claims = claims_of(setting["kind"], setting["colours"], setting["ground"], setting["rows"], setting["columns"])
    found = {Statement(*claim) for claim in claims}
    return found | ({Statement("text", "sign", facts["sign"].upper())} if facts["sign"] else set())
