"""An independent reading of labels and short questions against the objects of a scene's facts."""

from __future__ import annotations

import re
from typing import Any

from openmolmo.engine.synth.scenes.vocabulary import COLOURS, PATTERNS, PLURALS, SIZES

Thing = dict[str, Any]

_SINGULAR = {many: one for one, many in PLURALS.items()}
_SIDES = {"to the left of": ("x", 1), "to the right of": ("x", -1), "above": ("y", 1), "below": ("y", -1)}


def find(label: str, things: list[Thing]) -> list[Thing]:
    """The objects that a label such as ``small red stars`` names."""
    *adjectives, noun = label.split()
    noun = _SINGULAR.get(noun, noun)
    found = [thing for thing in things if noun in ("object", thing["shape"])]
    for word in adjectives:
        key = "colour" if word in COLOURS else "size" if word in SIZES else "pattern"
        assert key != "pattern" or word in PATTERNS, label
        found = [thing for thing in found if thing[key] == word]
    return found


def only(label: str, things: list[Thing]) -> Thing:
    """The one object a definite noun phrase names; fails where it could mean several."""
    found = find(label, things)
    assert len(found) == 1, f"{label!r} names {len(found)} objects"
    return found[0]


def answer(question: str, facts: dict[str, Any]) -> str:
    """The right answer to a short question, found from the facts alone."""
    things, background = facts["objects"], facts["background"]
    for pattern, reply in (
        (r"What color is the background\?", lambda: background["colours"][0]),
        (r"What color is the sky\?", lambda: background["colours"][0]),
        (r"Is the ground grass, sand, water or snow\?", lambda: background["ground"]),
        (r"Is the background one color or does it fade\?", lambda: "it fades"),
        (r"What is the largest object\?", lambda: _kind(next(t for t in things if t["size"] == _top_size(things)))),
        (r"What color is the (\w+)\?", lambda label: only(label, things)["colour"]),
        (r"What (?:is|shape is) the (\w+ object)\?", lambda label: only(label, things)["shape"]),
        (r"Is the ([\w ]+) plain, striped, dotted or checked\?", lambda label: only(label, things)["pattern"]),
        (r"Is the ([\w ]+) small, medium or large\?", lambda label: only(label, things)["size"]),
        (r"(?:Where|In what part of the picture) is the ([\w ]+)\?", lambda label: only(label, things)["place"]),
        (r"What is (to the left of|to the right of|above|below) the ([\w ]+)\?", lambda *a: _beside(*a, things)),
        (r"How many ([\w ]+) are there\?", lambda label: str(len(find(label, things)))),
        (r"Is there an? ([\w ]+) in the picture\?", lambda label: _yes(bool(find(label, things)))),
        (r"Are there more (\w+) than (\w+)\?", lambda a, b: _yes(len(find(a, things)) > len(find(b, things)))),
        (r"Is the ([\w ]+?) (to the left of|to the right of|above|below) the ([\w ]+)\?", lambda *a: _is(*a, things)),
    ):
        if match := re.fullmatch(pattern, question):
            return reply(*match.groups())
    raise AssertionError(f"no rule for {question!r}")


def _kind(thing: Thing) -> str:
    return f"{thing['colour']} {thing['shape']}"


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _top_size(things: list[Thing]) -> str:
    sizes = [thing["size"] for thing in things]
    top = max(sizes, key=list(SIZES).index)
    assert sizes.count(top) == 1 and len(sizes) > 1, "two objects could be the largest"
    return top


def _gap(one: Thing, other: Thing, side: str) -> float:
    axis, sign = _SIDES[side]
    return sign * (other[axis] - one[axis])


def _beside(side: str, label: str, things: list[Thing]) -> str:
    thing = only(label, things)
    gaps = [(_gap(other, thing, side), _kind(other)) for other in things if other is not thing]
    near = [(gap, kind) for gap, kind in gaps if gap > 0]
    assert len(near) == 1 and near[0][0] > 7.9, f"{len(near)} things are {side} the {label}"
    return near[0][1]


def _is(one: str, side: str, other: str, things: list[Thing]) -> str:
    gap = _gap(only(one, things), only(other, things), side)
    assert abs(gap) > 7.9, "too close to call"
    return _yes(gap > 0)
