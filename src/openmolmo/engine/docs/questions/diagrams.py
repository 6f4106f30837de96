"""Questions about diagrams: what follows what, labels, counts, roots and ends, connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from openmolmo.engine.docs.base import Diagram
from openmolmo.engine.docs.checks.diagrams import source_edges
from openmolmo.engine.docs.questions.base import Family, Question, View, wording
from openmolmo.engine.docs.worlds.language import word_list

__all__ = ["DIAGRAM_QUESTIONS"]

_NTH = ("first", "second", "third", "fourth", "fifth")


class _Facts:
    """A diagram; ``edges`` is empty where the program does not say them one by one (a mind map)."""

    def __init__(self, view: View) -> None:
        assert isinstance(view.content, Diagram)
        self.view, self.diagram = view, view.content
        drawn = {int(mark.datum["node"]) for mark in view.rendered.marks if "node" in mark.datum and mark.text}
        self.whole = drawn == set(range(len(self.diagram.nodes)))
        told = len(source_edges(view.source)) == len(self.diagram.edges)
        self.edges = self.diagram.edges if told and self.whole else ()

    @property
    def directed(self) -> tuple[tuple[int, int, str], ...]:
        """Edges that lead somewhere; the messages of a sequence are asked about otherwise."""
        return self.edges if self.diagram.directed and self.diagram.form != "sequence" else ()

    def after(self, number: int) -> list[int]:
        return [end for start, end, _ in self.directed if start == number]

    def before(self, number: int) -> list[int]:
        return [start for start, end, _ in self.directed if end == number]

    def question(self, family: str, answer: str, value: Any, args: tuple[Any, ...], **more: Any) -> Question:
        words = more.pop("words", {})
        return Question(
            family=family, question=wording(self.view, family, **words), answer=answer, value=value, args=args, **more
        )


def _family(make: Callable[[_Facts], Question | None]) -> Family:
    return lambda view: make(_Facts(view))


def _count_nodes(facts: _Facts) -> Question | None:
    count = len(facts.diagram.nodes)
    if not facts.whole:
        return None
    data = tuple({"node": number} for number in range(count))
    return facts.question("diagram_count_nodes", str(count), float(count), (), data=data)


def _count_edges(facts: _Facts) -> Question | None:
    count = len(facts.edges)
    if not count or facts.diagram.form == "state":  # the arrow at the start might be counted, or not
        return None
    family = "diagram_count_edges"
    return facts.question(family, str(count), float(count), (), data=tuple({"edge": n} for n in range(count)))


def _beside(family: str, *, forward: bool) -> Callable[[_Facts], Question | None]:
    def make(facts: _Facts) -> Question | None:
        near = facts.after if forward else facts.before
        options = [number for number in range(len(facts.diagram.nodes)) if len(near(number)) == 1]
        if not options:
            return None
        number = int(facts.view.pick(options))
        (other,) = near(number)
        name, answer = facts.diagram.nodes[number], facts.diagram.nodes[other]
        return facts.question(family, answer, answer, (name,), words={"n": name}, data=({"node": other},))

    return make


def _count_after(facts: _Facts) -> Question | None:
    if not facts.directed:
        return None
    number = int(facts.view.rng.integers(len(facts.diagram.nodes)))
    ends = facts.after(number)
    name = facts.diagram.nodes[number]
    return facts.question(
        "diagram_count_after", str(len(ends)), float(len(ends)), (name,), words={"n": name},
        data=tuple({"node": end} for end in ends),
    )  # fmt: skip


def _label(facts: _Facts) -> Question | None:
    labelled = [(number, edge) for number, edge in enumerate(facts.edges) if edge[2]]
    pairs = Counter((start, end) for start, end, _ in facts.edges)
    labelled = [(number, edge) for number, edge in labelled if pairs[edge[:2]] == 1 and pairs[edge[1], edge[0]] == 0]
    if not labelled or facts.diagram.form == "sequence":
        return None
    number, (start, end, text) = facts.view.pick(labelled)
    one, other = facts.diagram.nodes[start], facts.diagram.nodes[end]
    return facts.question(
        "diagram_label", text, text, (one, other), words={"a": one, "b": other}, data=({"edge": number},)
    )


def _by_label(facts: _Facts) -> Question | None:
    kinds = Counter((start, text) for start, _, text in facts.directed)
    options = [(start, end, text) for start, end, text in facts.directed if text and kinds[start, text] == 1]
    if not options:
        return None
    start, end, text = facts.view.pick(options)
    name, answer = facts.diagram.nodes[start], facts.diagram.nodes[end]
    return facts.question(
        "diagram_by_label", answer, answer, (name, text), words={"n": name, "l": text}, data=({"node": end},)
    )


def _ends(facts: _Facts) -> Question | None:
    if not facts.directed or facts.diagram.form in {"class", "state"}:
        return None
    last = [number for number in range(len(facts.diagram.nodes)) if not facts.after(number)]
    data = tuple({"node": number} for number in last)
    return facts.question("diagram_ends", str(len(last)), float(len(last)), (), data=data)


def _root(facts: _Facts) -> Question | None:
    first = [number for number in range(len(facts.diagram.nodes)) if facts.directed and not facts.before(number)]
    if len(first) != 1 or facts.diagram.form == "state":
        return None
    name = facts.diagram.nodes[first[0]]
    return facts.question("diagram_root", name, name, (), data=({"node": first[0]},))


def _connected(facts: _Facts) -> Question | None:
    if not facts.edges or facts.diagram.form == "sequence":
        return None
    one, other = (int(n) for n in facts.view.rng.permutation(len(facts.diagram.nodes))[:2])
    if facts.view.rng.random() < 0.5:
        one, other, _ = facts.view.pick(facts.edges)
    truth = any({start, end} == {one, other} for start, end, _ in facts.edges)
    names = facts.diagram.nodes[one], facts.diagram.nodes[other]
    return facts.question(
        "diagram_connected", "Yes" if truth else "No", truth, names, words={"a": names[0], "b": names[1]},
        data=({"node": one}, {"node": other}),
    )  # fmt: skip


def _two_steps(facts: _Facts) -> Question | None:
    options = []
    for number in range(len(facts.diagram.nodes)):
        middle = facts.after(number)
        if len(middle) == 1 and len(facts.after(middle[0])) == 1:
            options.append((number, middle[0], facts.after(middle[0])[0]))
    options = [steps for steps in options if len(set(steps)) == 3]
    if not options:
        return None
    start, between, end = facts.view.pick(options)
    names = facts.diagram.nodes
    return facts.question(
        "diagram_two_steps", names[end], names[end], (names[start],), words={"n": names[start]},
        data=({"node": between}, {"node": end}),
        explanation=f"After {names[start]} comes {names[between]}, and after that {names[end]}.",
    )  # fmt: skip


def _most_edges(facts: _Facts) -> Question | None:
    counts = Counter(number for start, end, _ in facts.edges for number in (start, end))
    best = [number for number, count in counts.items() if count == max(counts.values())]
    if len(best) != 1 or facts.diagram.form in {"sequence", "state"}:
        return None
    name = facts.diagram.nodes[best[0]]
    return facts.question("diagram_most_edges", name, name, (), data=({"node": best[0]},))


def _nth_message(facts: _Facts) -> Question | None:
    if facts.diagram.form != "sequence" or not facts.edges:
        return None
    place = int(facts.view.rng.integers(min(5, len(facts.edges))))
    text = facts.edges[place][2]
    return facts.question(
        "diagram_nth_message", text, text, (float(place + 1),), words={"nth": _NTH[place]}, data=({"edge": place},)
    )


def _messages_of(facts: _Facts) -> Question | None:
    if facts.diagram.form != "sequence" or not facts.edges:
        return None
    number = int(facts.view.rng.integers(len(facts.diagram.nodes)))
    own = [place for place, edge in enumerate(facts.edges) if edge[0] == number]
    name = facts.diagram.nodes[number]
    return facts.question(
        "diagram_messages_of", str(len(own)), float(len(own)), (name,), words={"n": name},
        data=tuple({"edge": place} for place in own),
    )  # fmt: skip


def _longest(facts: _Facts) -> Question | None:
    if facts.diagram.form != "network" or not facts.edges:
        return None
    minutes = [float(text.split(" ")[0]) for _, _, text in facts.edges]
    best = max(minutes)
    data = tuple({"edge": place} for place, value in enumerate(minutes) if value == best)
    return facts.question("diagram_longest", f"{best:.0f} min", best, (), data=data)


def _title(facts: _Facts) -> Question | None:
    if not any(mark.role == "title" and mark.text == facts.diagram.title for mark in facts.view.rendered.marks):
        return None
    return facts.question("diagram_title", facts.diagram.title, facts.diagram.title, (), data=({"role": "title"},))


def _absent(facts: _Facts) -> Question | None:
    there = " ".join(mark.text for mark in facts.view.rendered.marks).casefold()
    name = facts.view.pick([name for name in word_list("names")["places"] if name.casefold() not in there])
    return facts.question(
        "diagram_absent", "not in the picture", True, (name,), words={"n": name}, kind="not_present", label=name
    )


def _point_node(facts: _Facts) -> Question | None:
    boxed = {int(mark.datum["node"]) for mark in facts.view.rendered.marks if mark.role == "node" and mark.datum}
    if not facts.whole or not boxed:
        return None
    number = int(facts.view.pick(sorted(boxed)))
    name = facts.diagram.nodes[number]
    return facts.question(
        "diagram_point_node", name, name, (name,), words={"n": name}, kind="point", label=name,
        data=({"node": number, "role": "node"},),
    )  # fmt: skip


_MAKERS: dict[str, Callable[[_Facts], Question | None]] = {
    "diagram_count_nodes": _count_nodes,
    "diagram_count_edges": _count_edges,
    "diagram_next": _beside("diagram_next", forward=True),
    "diagram_previous": _beside("diagram_previous", forward=False),
    "diagram_count_after": _count_after,
    "diagram_label": _label,
    "diagram_by_label": _by_label,
    "diagram_ends": _ends,
    "diagram_root": _root,
    "diagram_connected": _connected,
    "diagram_two_steps": _two_steps,
    "diagram_most_edges": _most_edges,
    "diagram_nth_message": _nth_message,
    "diagram_messages_of": _messages_of,
    "diagram_longest": _longest,
    "diagram_title": _title,
    "diagram_absent": _absent,
    "diagram_point_node": _point_node,
}

DIAGRAM_QUESTIONS: dict[str, Family] = {name: _family(make) for name, make in _MAKERS.items()}
