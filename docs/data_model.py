"""Writes docs/studio-data-model.md from the studio's tables: their docstrings, ``doc=`` of columns, and a diagram.

    python docs/data_model.py [OUT]            (make docs runs it)

tests/docs checks that the committed page is the generated one and that every table and column says what it is.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Column, Table

from openmolmo.core.files import write_text
from openmolmo.engine.studio.store import tables
from openmolmo.engine.studio.store.tables import Base

__all__ = ["missing", "page"]

PAGE = Path(__file__).with_name("studio-data-model.md")

_INTRO = """# The studio's data model

Written by `make docs` from [store/tables.py](../src/openmolmo/engine/studio/store/tables.py).

{head}

{count} tables. An arrow goes from the table that names a row to the table that has it; Person is left out where it only
says who did something.

```mermaid
erDiagram
{diagram}
```
"""


def _tables() -> list[tuple[str, str, Table]]:
    """Name of the class, its docstring, and the table, in the order of the file."""
    classes = [mapper.class_ for mapper in Base.registry.mappers]
    order = {name: place for place, name in enumerate(vars(tables))}
    found = sorted(classes, key=lambda one: order[one.__name__])
    return [(one.__name__, inspect.getdoc(one) or "", one.__table__) for one in found]


def missing() -> list[str]:
    """Tables without a docstring of their own and columns without ``doc=``."""
    found = []
    for mapper in Base.registry.mappers:
        one = mapper.class_
        if not one.__dict__.get("__doc__"):
            found.append(one.__name__)
        found += [f"{one.__name__}.{column.name}" for column in one.__table__.columns if not column.doc]
    return sorted(found)


def page() -> str:
    """The whole page."""
    all_tables = _tables()
    head = textwrap.fill((inspect.getdoc(tables) or "").partition("\n\n")[2].replace("``", "`"), 120)
    parts = [_INTRO.format(head=head, count=len(all_tables), diagram="\n".join(_diagram(all_tables)))]
    for name, doc, table in all_tables:
        rows = [f"| `{column.name}` | {_kind(column)} | {_cell(column.doc or '')} |" for column in table.columns]
        heading = ["| column | form | |", "|---|---|---|"]
        parts.append(
            "\n".join([f"## {name}", "", " ".join(doc.replace("``", "`").split()), "", *heading, *rows]) + "\n"
        )
    return "\n".join(parts)


def _diagram(all_tables: list[tuple[str, str, Table]]) -> Iterator[str]:
    """One line a foreign key; a key that is unique in its table is one to one."""
    names = {table.name: name for name, _, table in all_tables}
    for name, _, table in all_tables:
        for column in table.columns:
            for key in column.foreign_keys:
                aim = names[key.column.table.name]
                if aim == "Person" and name not in ("Lease", "Session", "Annotation"):
                    continue
                many = "|o" if column.unique else "}o"
                yield f"    {name} {many}--{'o|' if column.nullable else '||'} {aim} : {column.name}"


def _kind(column: Column[object]) -> str:
    kind = str(column.type).lower().replace("varchar", "text").replace("bigint", "integer")
    marks = []
    if column.primary_key:
        marks.append("key")
    marks += [f"-> {key.column.table.name}" for key in column.foreign_keys]
    if column.nullable and not column.primary_key:
        marks.append("or none")
    if column.unique:
        marks.append("unique")
    return " ".join([kind, *marks])


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("``", "`")


if __name__ == "__main__":
    write_text(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE, page())
