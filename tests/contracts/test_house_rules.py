"""House rules a reader relies on: short files, short functions, no catch-all modules, public names."""

from __future__ import annotations

import ast
import importlib
import statistics
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "openmolmo"
FILES = sorted(SRC.rglob("*.py"))
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 80


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in FILES}
    long = {str(p.relative_to(SRC)): n for p, n in lengths.items() if n > MAX_FILE_LINES}
    assert not long, long
    assert statistics.median(n for n in lengths.values() if n > 5) <= 200


def test_functions_are_short() -> None:
    long = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long.append(f"{path.relative_to(SRC)}:{node.name} has {lines} lines")
    assert not long, long


def test_no_catch_all_modules() -> None:
    bad = [str(p.relative_to(SRC)) for p in FILES if p.stem in {"utils", "util", "helpers", "misc", "common"}]
    assert not bad, bad


@pytest.mark.parametrize(
    "room", sorted(p.parent.relative_to(SRC).as_posix().replace("/", ".") for p in SRC.glob("*/__init__.py"))
)
def test_public_surface_is_deliberate(room: str) -> None:
    module = importlib.import_module(f"openmolmo.{room}")
    assert module.__doc__, f"{room} needs a docstring that says what is in the room"
    names = getattr(module, "__all__", [])
    assert len(names) <= 14, f"{room} exports {len(names)} names"
    assert list(names) == sorted(names)
    for name in names:
        assert hasattr(module, name)
