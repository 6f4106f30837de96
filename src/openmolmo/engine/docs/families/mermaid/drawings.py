"""Diagrams in Mermaid: flow charts, organisations, sequences, classes, states, entities, mind maps, plans."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import numpy as np

from openmolmo.engine.docs.base import Diagram, Program, Spec
from openmolmo.engine.docs.families.by_function import Families, FunctionFamily
from openmolmo.engine.docs.worlds.diagram import diagram as plausible
from openmolmo.engine.docs.worlds.language import one, some, word, word_list

__all__ = ["FAMILIES"]

FONTS = ("DejaVu Sans", "Liberation Sans", "DejaVu Serif", "Liberation Serif")
PALETTES = (
    ("#dbe9f6", "#1f4e79"),
    ("#e2f0d9", "#375623"),
    ("#fce4ec", "#880e4f"),
    ("#fff3e0", "#bf360c"),
    ("#ede7f6", "#4527a0"),
    ("#ffffff", "#222222"),
)
GROUNDS = ("white", "white", "white", "#fafafa", "#fffdf5")


def _head(rng: np.random.Generator, title: str) -> list[str]:
    """Title and look, as the lines before a diagram."""
    fill, ink = one(rng, PALETTES)
    config: dict[str, object] = {
        "theme": one(rng, ("default", "neutral", "forest", "base", "base")),
        "look": one(rng, ("classic", "classic", "classic", "handDrawn")),
        "fontFamily": one(rng, FONTS),
        "flowchart": {"curve": one(rng, ("basis", "linear", "step"))},
    }
    if config["theme"] == "base":
        config["themeVariables"] = {"primaryColor": fill, "primaryBorderColor": ink, "lineColor": ink,
                                    "primaryTextColor": "#111111", "fontFamily": config["fontFamily"]}  # fmt: skip
    lines = [f"title: {json.dumps(title, ensure_ascii=False)}"] if title else []
    return ["---", *lines, f"config: {json.dumps(config)}", "---"]


def _safe(text: str) -> str:
    """Text between double quotes, or behind a colon: Mermaid has no escapes but entities."""
    return text.replace('"', "#quot;").replace(";", "#59;")


def _flow(rng: np.random.Generator, content: Diagram, language: str) -> list[str]:
    around = {"start": ('(["', '"])'), "end": ('(["', '"])'), "step": ('["', '"]'), "decision": ('{"', '"}')}
    lines = [f"flowchart {one(rng, ('TD', 'TD', 'LR'))}"]
    for number, name in enumerate(content.nodes):
        left, right = around[content.shapes[number]]
        lines.append(f"  n{number}{left}{_safe(name)}{right}")
    return lines + _arrows(content, "-->")


def _arrows(content: Diagram, arrow: str) -> list[str]:
    return [f"  n{start} {arrow}{f'|{_safe(label)}|' if label else ''} n{end}" for start, end, label in content.edges]


def _boxes(rng: np.random.Generator, content: Diagram, directions: tuple[str, ...], arrow: str) -> list[str]:
    left, right = one(rng, (('["', '"]'), ('("', '")'), ('(["', '"])'), ('[["', '"]]')))
    lines = [f"flowchart {one(rng, directions)}"]
    lines += [f"  n{number}{left}{_safe(name)}{right}" for number, name in enumerate(content.nodes)]
    return lines + _arrows(content, arrow)


def _org(rng: np.random.Generator, content: Diagram, language: str) -> list[str]:
    return _boxes(rng, content, ("TD", "TD", "LR"), one(rng, ("-->", "---")))


def _network(rng: np.random.Generator, content: Diagram, language: str) -> list[str]:
    return _boxes(rng, content, ("LR", "TD"), "---")


def _sequence(rng: np.random.Generator, content: Diagram, language: str) -> list[str]:
    kind = one(rng, ("participant", "participant", "actor"))
    lines = ["sequenceDiagram"] + (["  autonumber"] if rng.random() < 0.25 else [])
    lines += [f"  {kind} a{number} as {_safe(name)}" for number, name in enumerate(content.nodes)]
    arrows = [one(rng, ("->>", "-->>", "->>")) for _ in content.edges]
    lines += [
        f"  a{start}{arrow}a{end}: {_safe(label)}"
        for (start, end, label), arrow in zip(content.edges, arrows, strict=True)
    ]
    return lines


def _attributes(rng: np.random.Generator, language: str) -> list[str]:
    words = [word(entry, language) for entry in word_list("papers")["names"].values()]
    plain = [name.lower() for name in dict.fromkeys(words) if name.isalpha()]
    return some(rng, plain, int(rng.integers(1, 4)))


def _class(rng: np.random.Generator, content: Diagram, language: str) -> list[str]:
    lines = ["classDiagram", f"  direction {one(rng, ('TB', 'LR'))}"]
    for number, name in enumerate(content.nodes):
        lines.append(f'  class N{number}["{_safe(name)}"] {{')
        lines += [f"    +{name} {kind}" for name, kind in zip(_attributes(rng, language), _KINDS, strict=False)]
        lines.append("  }")
    arrow = one(rng, ("-->", "--|>", "..>", "--o"))
    return lines + [f"  N{start} {arrow} N{end} : {_safe(label)}" for start, end, label in content.edges]


_KINDS = ("string", "int", "date")


def _entity(rng: np.random.Generator, content: Diagram, language: str) -> list[str]:
    lines = ["erDiagram"]
    for number, name in enumerate(content.nodes):
        lines.append(f'  N{number}["{_safe(name)}"] {{')
        names = _attributes(rng, language)
        lines += [
            f"    {kind} {name}{' PK' if name == names[0] else ''}" for name, kind in zip(names, _KINDS, strict=False)
        ]
        lines.append("  }")
    ends = ("||--o{", "||--|{", "}o--o{", "||--||")
    return lines + [f'  N{start} {one(rng, ends)} N{end} : "{_safe(label)}"' for start, end, label in content.edges]


def _state(rng: np.random.Generator, content: Diagram, language: str) -> list[str]:
    lines = ["stateDiagram-v2", f"  direction {one(rng, ('TB', 'LR'))}"]
    lines += [f"  s{number}: {_safe(name)}" for number, name in enumerate(content.nodes)]
    lines += [f"  s{start} --> s{end}: {_safe(label)}" for start, end, label in content.edges]
    return [*lines, "  [*] --> s0"]  # last, so that edges count as the content's do


def _mind_map(rng: np.random.Generator, content: Diagram, language: str) -> list[str]:
    lines = ["mindmap"]
    left, right = one(rng, (('["', '"]'), ('("', '")'), ('["', '"]')))
    for level, name in zip(content.groups, content.nodes, strict=True):
        shape = f'(("{_safe(name)}"))' if level == "0" else f"{left}{_safe(name)}{right}"
        lines.append(f"{'  ' * (int(level) + 1)}x{shape}")
    return lines


def _plan(rng: np.random.Generator, content: Diagram, language: str) -> list[str]:
    day = f"{int(rng.integers(2018, 2029))}-{int(rng.integers(1, 13)):02d}-{int(rng.integers(1, 28)):02d}"
    lengths = [int(days) for days in rng.integers(2, 9, len(content.nodes))]
    every = "1week" if sum(lengths) > 12 else "1day"
    lines = ["gantt", "  dateFormat YYYY-MM-DD", "  axisFormat %d.%m.", f"  tickInterval {every}"]
    for number, (name, days) in enumerate(zip(content.nodes, lengths, strict=True)):
        start = day if number == 0 else f"after t{number - 1}"
        plain = "".join(letter for letter in name if letter not in ":#,;?¿")
        lines.append(f"  {plain.strip()} :t{number}, {start}, {days}d")
    return lines


_Lines = Callable[[np.random.Generator, Diagram, str], list[str]]

WRITERS: dict[str, tuple[str, _Lines]] = {
    "flow": ("flow", _flow),
    "org": ("org", _org),
    "network": ("network", _network),
    "sequence": ("sequence", _sequence),
    "class": ("class", _class),
    "er": ("class", _entity),
    "state": ("state", _state),
    "mindmap": ("tree", _mind_map),
    "gantt": ("flow", _plan),
}
"""Name to the form of the content and what writes it."""


def _content(rng: np.random.Generator, spec: Spec, name: str, form: str) -> Diagram:
    content = plausible(rng, spec, form)
    if name == "gantt":  # a plan has no decisions: one task after the other
        tasks = tuple(node for node, shape in zip(content.nodes, content.shapes, strict=True) if shape != "decision")
        return Diagram(title=content.title, form="gantt", nodes=tasks, edges=())
    if name == "mindmap":  # which has no title
        return dataclasses.replace(content, title="")
    return dataclasses.replace(content, form=name if name == "er" else form)


def _writer(name: str) -> Callable[[np.random.Generator, Spec], Program]:
    form, lines_of = WRITERS[name]

    def write(rng: np.random.Generator, spec: Spec) -> Program:
        content = _content(rng, spec, name, form)
        source = "\n".join([*_head(rng, content.title), *lines_of(rng, content, spec.language), ""])
        style = {"ground": one(rng, GROUNDS)}
        return Program(spec=spec, content=content, source=source, style=style)

    return write


FAMILIES = Families(
    FunctionFamily(name=f"mermaid_{name}", tool="mermaid", kind="diagram", writer=_writer(name)) for name in WRITERS
)
"""By name."""
