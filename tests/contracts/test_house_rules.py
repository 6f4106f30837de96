"""House rules a reader relies on: short files, short functions, no catch-all modules, public names."""

from __future__ import annotations

import ast
import importlib
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "openmolmo"
FILES = sorted(SRC.rglob("*.py"))
MAX_FILE_LINES = 500
LONG_FILE_LINES = 350
MEDIAN_FILE_LINES = 150
MAX_FUNCTION_LINES = 80
LONG_FUNCTION_LINES = 45
FEW = 0.1
"""The share of files and functions that may be long, as the design has it."""


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(SRC)): len(path.read_text().splitlines()) for path in FILES}
    assert not {path: n for path, n in lengths.items() if n > MAX_FILE_LINES}
    long = {path: n for path, n in lengths.items() if n > LONG_FILE_LINES}
    assert len(long) <= FEW * len(lengths), long
    assert statistics.median(n for n in lengths.values() if n > 5) <= MEDIAN_FILE_LINES


def test_functions_are_short() -> None:
    lengths = {}
    for path in FILES:
        if "migrations" in path.parts:  # a table a function, as long as the table is
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno is not None:
                lengths[f"{path.relative_to(SRC)}:{node.lineno} {node.name}"] = node.end_lineno - node.lineno + 1
    assert len(lengths) > len(FILES)
    assert not {name: n for name, n in lengths.items() if n > MAX_FUNCTION_LINES}
    long = {name: n for name, n in lengths.items() if n > LONG_FUNCTION_LINES}
    assert len(long) <= FEW * len(lengths), long


def test_no_catch_all_modules() -> None:
    bad = [str(p.relative_to(SRC)) for p in FILES if p.stem in {"utils", "util", "helpers", "misc", "common"}]
    assert not bad, bad


ROOMS = sorted(p.parent.relative_to(SRC).as_posix() for p in SRC.glob("*/__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_public_surface_is_deliberate(room: str) -> None:
    module = importlib.import_module(f"openmolmo.{room}")
    assert module.__doc__, f"{room} needs a docstring that says what is in the room"
    names = declared(SRC / room / "__init__.py")
    if names is None:  # it has no names of its own, so nothing may look like one
        assert not defined(SRC / room / "__init__.py"), f"{room} has names, but no __all__"
        return
    assert 0 < len(names) <= 14, f"{room} exports {len(names)} names"
    assert names == sorted(names)
    for name in names:
        assert hasattr(module, name)


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_says_which_of_its_names_are_for_others(room: str) -> None:
    modules = [path for path in FILES if path.is_relative_to(SRC / room) and path.name != "__init__.py"]
    assert modules
    for path in modules:
        names = declared(path)
        assert names is not None, f"{path.relative_to(SRC)} has no __all__"
        missing = set(names) - defined(path)
        assert not missing, f"{path.relative_to(SRC)} has no {missing}"


def declared(path: Path) -> list[str] | None:
    """``__all__`` as it is written, None where there is none."""
    for node in ast.parse(path.read_text()).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and getattr(target, "id", None) == "__all__":
            assert node.value is not None
            return list(ast.literal_eval(node.value))
    return None


def defined(path: Path) -> set[str]:
    """Names that a module defines or imports at its top level, without those for its own use."""
    names: set[str] = set()
    for node in top_level(ast.parse(path.read_text()).body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)) and getattr(node, "module", None) != "__future__":
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return {name for name in names if not name.startswith("_")}


def top_level(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Statements that run at import, also under ``if`` and ``try``, and the names they store."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from top_level(node.body)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            yield from ast.walk(node)
