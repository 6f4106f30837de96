"""``openmolmo data mix``: the shares of a mixture beside the paper's."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

__all__ = ["mix"]


@click.command()
@click.argument("preset", type=click.Choice(["paper", "released"]))
@click.option("--without", multiple=True, metavar="SET", help="Leave a set out (may be repeated).")
@click.option("--text-rate", default=0.0, show_default=True, help="Rate of a group with a tenth of Tulu 3.")
@click.option("--root", type=click.Path(path_type=Path), help="Open the local copies in this folder, and count them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def mix(preset: str, without: tuple[str, ...], text_rate: float, root: Path | None, as_json: bool) -> None:
    """Print the shares of a mixture's sets beside those of the paper's final table.

    PRESET is `released` (groups, and the square root of sizes) or `paper` (the table's own numbers).
    Nothing is read unless --root is given.
    """
    from openmolmo.data.presets import PRESETS, TABLE_ROWS, mixture_rates, mixture_table

    config = PRESETS[preset](root, without=without, text_rate=text_rate)
    rates, table = mixture_rates(config), mixture_table()
    lengths = {} if root is None else _lengths(preset, root, without, text_rate)
    rows = []
    for row, (_, names) in TABLE_ROWS.items():
        share = 100 * sum(rates.get(name, 0.0) for name in names)
        examples = sum(lengths.get(name, 0) for name in names)
        rows.append({"set": row, "percent": round(share, 2), "paper": table[row], "examples": examples})
    if text_rate:
        rows.append({"set": "Tulu 3", "percent": round(100 * rates["tulu3-0.1"], 2), "paper": None, "examples": 0})
    if as_json:
        click.echo(json.dumps({"preset": preset, "rows": rows}, indent=2))
    else:
        _tell(preset, rows, counted=root is not None)


def _lengths(preset: str, root: Path, without: tuple[str, ...], text_rate: float) -> dict[str, int]:
    """Examples of each source at hand."""
    from openmolmo.data.mixture import Mixture
    from openmolmo.data.presets import PRESETS

    mixture = Mixture(PRESETS[preset](root, without=without, text_rate=text_rate), seed=0)
    return {name: len(source) for name, source in zip(mixture.names, mixture.sources, strict=True)}


def _tell(preset: str, rows: list[dict[str, object]], *, counted: bool) -> None:
    table = Table(title=f"Mixture {preset}", title_justify="left")
    for column in ("set", "percent", "paper", *(["examples"] if counted else [])):
        table.add_column(column, justify="left" if column == "set" else "right")
    for row in rows:
        paper = "" if row["paper"] is None else f"{row['paper']:.1f}"
        cells = [str(row["set"]), f"{row['percent']:.2f}", paper]
        table.add_row(*cells, *([f"{row['examples']:,}"] if counted else []))
    Console(highlight=False).print(table)
