"""Flow charts, organisations, sequences, classes, trees, networks and states with sensible words in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from openmolmo.core.errors import ConfigError
from openmolmo.engine.docs.base import Diagram, Spec
from openmolmo.engine.docs.worlds.language import one, person, place, some, word, word_list

__all__ = ["DIAGRAM_FORMS", "diagram"]

DIAGRAM_FORMS = ("flow", "org", "sequence", "class", "tree", "network", "state")


def diagram(rng: np.random.Generator, spec: Spec, form: str) -> Diagram:
    """A diagram of a form in :data:`DIAGRAM_FORMS`; every node has another name.

    ``shapes`` (flow charts): "start", "step", "decision", "end". ``groups``: the level of an organisation or tree.
    A sequence's edges are its messages from top to bottom. A network's edges have no direction; labels are minutes.
    """
    if form not in DIAGRAM_FORMS:
        raise ConfigError(f"there is no diagram form {form!r}", fix=f"use one of {', '.join(DIAGRAM_FORMS)}")
    return _MAKERS[form](rng, spec.language)


def _title(rng: np.random.Generator, language: str, form: str) -> str:
    title = word(word_list("drawings")["titles"][form], language)
    return f"{title}: {one(rng, word_list('names')['firms'])}" if rng.random() < 0.6 else title


def _flow(rng: np.random.Generator, language: str) -> Diagram:
    """A start, steps, one question with two ways, and an end where both meet."""
    drawings = word_list("drawings")
    entries = one(rng, drawings["flow"])
    words = [word(entry, language) for entry in entries]
    decision = words[1]
    steps = some(rng, [words[0], *words[2:]], int(rng.integers(4, 8)))
    before, yes, no, *rest = steps
    nodes = [before, decision, yes, no, *rest]
    edges = [
        (0, 1, ""),
        (1, 2, word(drawings["yes"], language)),
        (1, 3, word(drawings["no"], language)),
        (2, 4, ""),
        (3, 4, ""),
    ]
    edges += [(place_, place_ + 1, "") for place_ in range(4, len(nodes) - 1)]
    shapes = ["start", "decision", *["step"] * (len(nodes) - 3), "end"]
    return Diagram(
        title=_title(rng, language, "flow"), form="flow", nodes=tuple(nodes), edges=tuple(edges), shapes=tuple(shapes)
    )


def _org(rng: np.random.Generator, language: str) -> Diagram:
    """Who leads whom: two or three levels of roles, with a name each now and then."""
    roles = [word(role, language) for role in word_list("drawings")["roles"]]
    count = int(rng.integers(5, 10))
    nodes = [roles[0], *some(rng, roles[1:], count - 1)]
    if rng.random() < 0.5:
        nodes = [f"{role}: {person(rng, language)}" for role in nodes]
    return _as_tree(rng, language, "org", nodes)


def _tree(rng: np.random.Generator, language: str) -> Diagram:
    animals = word_list("drawings")
    words = [word(entry, language) for entry in animals["animals"]]
    kinds = {0: [1, 2, 11], 3: [4], 5: [6, 7], 8: [9, 10]}
    chosen = some(rng, sorted(kinds), int(rng.integers(2, 5)))
    nodes, edges, levels = [word(animals["root"], language)], [], ["0"]
    for kind in chosen:
        nodes.append(words[kind])
        levels.append("1")
        parent = len(nodes) - 1
        edges.append((0, parent, ""))
        for child in kinds[kind]:
            nodes.append(words[child])
            levels.append("2")
            edges.append((parent, len(nodes) - 1, ""))
    return Diagram(
        title=_title(rng, language, "tree"),
        form="tree",
        nodes=tuple(nodes),
        edges=tuple(edges),
        groups=tuple(levels),
    )


def _as_tree(rng: np.random.Generator, language: str, form: str, nodes: list[str]) -> Diagram:
    edges: list[tuple[int, int, str]] = []
    levels = [0]
    first = min(int(rng.integers(2, 4)), len(nodes) - 1)
    for number in range(1, len(nodes)):
        parent = 0 if number <= first else 1 + int(rng.integers(first))
        edges.append((parent, number, ""))
        levels.append(levels[parent] + 1)
    return Diagram(
        title=_title(rng, language, form),
        form=form,
        nodes=tuple(nodes),
        edges=tuple(edges),
        groups=tuple(map(str, levels)),
    )


def _sequence(rng: np.random.Generator, language: str) -> Diagram:
    drawings = word_list("drawings")
    actors = [word(actor, language) for actor in some(rng, drawings["actors"], int(rng.integers(3, 5)))]
    messages = [word(item, language) for item in some(rng, drawings["messages"], int(rng.integers(4, 8)))]
    edges, at = [], 0
    for message in messages:
        other = one(rng, [actor for actor in range(len(actors)) if actor != at])
        edges.append((at, other, message))
        at = other
    return Diagram(title=_title(rng, language, "sequence"), form="sequence", nodes=tuple(actors), edges=tuple(edges))


def _classes(rng: np.random.Generator, language: str) -> Diagram:
    drawings = word_list("drawings")
    nodes = [word(item, language) for item in some(rng, drawings["classes"], int(rng.integers(4, 8)))]
    return _connected(rng, language, "class", nodes, [word(item, language) for item in drawings["relations"]])


def _states(rng: np.random.Generator, language: str) -> Diagram:
    drawings = word_list("drawings")
    nodes = [word(item, language) for item in some(rng, drawings["states"], int(rng.integers(4, 7)))]
    return _connected(rng, language, "state", nodes, [word(item, language) for item in drawings["events"]])


def _connected(rng: np.random.Generator, language: str, form: str, nodes: list[str], labels: list[str]) -> Diagram:
    """Every node is reached from the first; one or two edges more go between others."""
    edges = {(int(rng.integers(number)), number) for number in range(1, len(nodes))}
    for _ in range(int(rng.integers(1, 3))):
        start, end = (int(value) for value in rng.choice(len(nodes), 2, replace=False))
        if (end, start) not in edges:
            edges.add((start, end))
    return Diagram(
        title=_title(rng, language, form),
        form=form,
        nodes=tuple(nodes),
        edges=tuple((start, end, one(rng, labels)) for start, end in sorted(edges)),
    )


def _network(rng: np.random.Generator, language: str) -> Diagram:
    towns = list(dict.fromkeys(place(rng) for _ in range(int(rng.integers(6, 11)))))
    edges = {(int(rng.integers(number)), number) for number in range(1, len(towns))}
    for _ in range(int(rng.integers(1, 4))):
        start, end = sorted(int(value) for value in rng.choice(len(towns), 2, replace=False))
        edges.add((start, end))
    return Diagram(
        title=_title(rng, language, "network"),
        form="network",
        nodes=tuple(towns),
        edges=tuple((start, end, f"{int(rng.integers(4, 90))} min") for start, end in sorted(edges)),
        directed=False,
    )


_MAKERS: dict[str, Callable[[np.random.Generator, str], Diagram]] = {
    "flow": _flow,
    "org": _org,
    "sequence": _sequence,
    "class": _classes,
    "tree": _tree,
    "network": _network,
    "state": _states,
}
