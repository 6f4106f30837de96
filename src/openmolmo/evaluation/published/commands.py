"""``openmolmo eval published``: the paper's numbers, with their source."""

from __future__ import annotations

import csv
import io

import click

from openmolmo.core.console import echo_json
from openmolmo.core.progress import print_table
from openmolmo.evaluation.published.tables import TABLES, published_table

__all__ = ["published"]


@click.command()
@click.argument("table", required=False, default=None, metavar="[TABLE]")
@click.option("--only", metavar="TEXT", help="Rows with this text in them, capitals or not.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def published(table: str | None, only: str | None, as_csv: bool, as_json: bool) -> None:
    """Print a table of published numbers (academic, ablations, skills, mixture); without TABLE, what there is."""
    if table is None:
        rows = [[name, title, len(published_table(name)[1])] for name, title in TABLES.items()]
        print_table("Published numbers", ["table", "what", "rows"], rows)
        return
    columns, found = published_table(table)
    if only is not None:
        found = [row for row in found if only.casefold() in " ".join(row).casefold()]
    if as_json:
        echo_json([dict(zip(columns, row, strict=True)) for row in found])
    elif as_csv:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *found])
        click.echo(text.getvalue(), nl=False)
    else:
        sources = sorted({row[-1] for row in found})
        first = columns.index("model") if table == "academic" else 0  # so many columns: groups are told by names too
        heads = [column.replace("_", " ") for column in columns[first:-1]]
        print_table(TABLES[table], heads, [row[first:-1] for row in found], [f"Sources: {'; '.join(sources)}"])
