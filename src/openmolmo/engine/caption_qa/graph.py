"""Questions that a scene graph answers: objects with kind, colour and place, as generators write them in ``facts``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from openmolmo.engine.caption_qa.talk import Talk

__all__ = ["graph_talks"]

_KINDS = ("name", "shape", "thing", "kind")  # how generators call what a thing is
_COLOURS = ("colour", "color")


def graph_talks(rng: np.random.Generator, facts: Mapping[str, Any]) -> list[Talk]:
    """Talks of one question each, in an order drawn from ``rng``; none where there is no list of objects."""
    objects = [one for one in facts.get("objects", ()) if isinstance(one, Mapping)]
    things = [
        (kind, colour, one) for one in objects if (kind := _text(one, _KINDS)) for colour in [_text(one, _COLOURS)]
    ]
    found = [*_counts(things), *_colours(things), *_places(things)]
    return [found[number] for number in rng.permutation(len(found))]


Things = list[tuple[str, str, Mapping[str, Any]]]


def _counts(things: Things) -> Iterator[Talk]:
    kinds = Counter(kind for kind, _, _ in things)
    if things:
        yield _talk("How many objects are there in the picture?", str(len(things)))
    for kind, count in kinds.items():
        yield _talk(f'How many times does "{kind}" appear in the picture?', str(count))


def _colours(things: Things) -> Iterator[Talk]:
    kinds = Counter(kind for kind, _, _ in things)
    shades = Counter(colour for _, colour, _ in things if colour)
    for kind, colour, _ in things:
        if colour and kinds[kind] == 1:
            yield _talk(f"What color is the {kind}?", colour)
        if colour and shades[colour] == 1:
            yield _talk(f"Which object is {colour}?", kind)


def _places(things: Things) -> Iterator[Talk]:
    kinds = Counter(kind for kind, _, _ in things)
    for kind, _, one in things:
        place = one.get("place")
        if isinstance(place, str) and place and kinds[kind] == 1:
            yield _talk(f"In which part of the picture is the {kind}?", place)


def _talk(question: str, answer: str) -> Talk:
    return Talk(turns=((question, answer),), how="graph", style="vqa2")


def _text(one: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((value for name in names if isinstance(value := one.get(name), str) and value.strip()), "")
