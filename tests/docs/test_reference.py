"""The committed reference is what the code says of itself today."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def page_as_seen_here() -> str:
    spec = importlib.util.spec_from_file_location("docs_generate_here", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for command in module.built_in_commands().values():
        command._help_option = None  # as click made it for whoever asked first: a test, without the program around it
    page: str = module.page()
    return page


def test_the_reference_is_up_to_date(tmp_path: Path) -> None:
    """Where it differs, a process of its own decides: in this one, other tests may have registered plug-ins."""
    committed = (DOCS / "reference.md").read_text(encoding="utf-8")
    if page_as_seen_here() == committed:
        return
    generated = tmp_path / "reference.md"
    subprocess.run([sys.executable, DOCS / "generate.py", generated], check=True, capture_output=True)
    assert committed == generated.read_text(encoding="utf-8"), "run `make docs` and commit docs/reference.md"
