"""The page of the studio's tables is what the tables say of themselves, and each of them says something."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("data_model", DOCS / "data_model.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_table_and_column_says_what_it_is_and_the_page_is_up_to_date() -> None:
    made = generator()
    assert made.missing() == []
    page = made.page()
    committed = (DOCS / "studio-data-model.md").read_text(encoding="utf-8")
    assert committed == page, "run `make docs` and commit docs/studio-data-model.md"
    assert "Annotation |o--|| Lease : lease_id" in page
    for table in made.Base.metadata.tables.values():
        for column in table.columns:
            assert column.doc.replace("|", r"\|").replace("``", "`") in page, f"{table.name}.{column.name}"
