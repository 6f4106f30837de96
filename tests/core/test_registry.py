"""Plug-ins are found by name, and imported only when asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from openmolmo.core.errors import NotRegisteredError
from openmolmo.core.registry import Registry


def test_built_in_and_own_plug_ins_come_by_the_same_door() -> None:
    registry: Registry[object] = Registry("generator")
    assert {"clocks", "scenes"} <= set(registry)
    mine = object()
    assert registry.register("mine", mine) is mine
    assert registry.get("mine") is mine
    assert "mine" in registry and "yours" not in registry
    assert registry.names() == sorted(registry.names())
    newer = registry.register("mine", object())
    assert registry.get("mine") is newer


def test_an_unknown_name_gets_the_nearest_ones() -> None:
    registry: Registry[object] = Registry("generator")
    with pytest.raises(NotRegisteredError, match=r"no generator called 'clokcs'\n.*did you mean clocks"):
        registry.get("clokcs")
    empty: Registry[object] = Registry("nothing-of-this-kind")
    with pytest.raises(NotRegisteredError, match="known: none"):
        empty.get("x")


def test_listing_names_imports_no_plug_in() -> None:
    code = (
        "import sys; from openmolmo.core.registry import Registry; Registry('generator').names(); "
        "assert not [m for m in sys.modules if m.startswith('openmolmo.engine')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
