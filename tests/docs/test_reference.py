"""The committed reference is what the code says of itself today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_up_to_date(tmp_path: Path) -> None:
    """In a process of its own: here, other tests may have registered plug-ins or set a command's options."""
    generated = tmp_path / "reference.md"
    subprocess.run([sys.executable, DOCS / "generate.py", generated], check=True, capture_output=True)
    committed = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert committed == generated.read_text(encoding="utf-8"), "run `make docs` and commit docs/reference.md"
