"""The studio's modules keep the types that their comments say."""

from __future__ import annotations

from pathlib import Path

from browsing import check_modules
from openmolmo.engine.studio import app


def test_modules_keep_their_types(node_modules: Path, tmp_path: Path) -> None:
    check_modules(node_modules, tmp_path, Path(app.__file__).parent / "static")
