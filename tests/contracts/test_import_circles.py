"""No module needs itself on a way round, and what is looked up by name is no way round either."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"

FLOORS = {
    "core": 0,
    "pictures": 1,
    "records": 2,
    "words": 3,
    "engine": 4,
    "imaging": 4,
    "model": 4,
    "prompting": 5,
    "data": 6,
    "inference": 6,
    "training": 7,
    "evaluation": 7,
}
# The room whose registry reads each group; recipes are whole runs and may use anything (they are reached by name only).
READERS = {
    "generators": "engine",
    "llm_providers": "engine",
    "llm_templates": "engine",
    "datasets": "data",
    "presets": "model",
    "encoders": "model",
    "writers": "training",
    "callbacks": "training",
    "tasks": "evaluation",
}


def modules() -> dict[str, Path]:
    found = {}
    for path in SRC.rglob("*.py"):
        name = ".".join(path.relative_to(SRC).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Modules that a file imports anywhere: at its head, in functions and for types alike."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in known or node.module in known:
                    yield inner if inner in known else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module (Tarjan)."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 20 * len(graph)))
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            cut = stack.index(node)
            if len(stack) - cut > 1:
                found.append(sorted(stack[cut:]))
            del stack[cut:]

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_the_search_finds_circles() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_there_are_no_import_circles() -> None:
    known = modules()
    graph = {name: set(imports(path, known)) - {name} for name, path in known.items()}
    # A room's __init__ that offers names of its modules is no circle unless they import the room itself.
    assert circles(graph) == []


def test_what_is_looked_up_by_name_lives_below_or_on_the_same_floor() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    above = []
    for group, points in groups.items():
        reader = READERS.get(group.removeprefix("openmolmo."))
        if reader is None:
            continue
        for name, target in points.items():
            room = target.split(".")[1]
            if FLOORS[room] > FLOORS[reader]:
                above.append(f"{group}: {name} lives in {room}, above {reader}")
    assert not above, above
