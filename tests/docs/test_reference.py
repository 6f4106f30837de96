"""The committed reference is what the code says of itself today."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from openmolmo.engine.synth.base import GENERATORS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GENERATORS, "_local", {})  # what other tests and pages have registered in this process
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    committed = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert committed == generate.page(), "run `make docs` (python docs/generate.py) and commit docs/reference.md"
