"""``openmolmo data pack-report``: how full the rows of a recipe or a data set become."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openmolmo.core.errors import NotRegisteredError

if TYPE_CHECKING:
    from openmolmo.data.pack_report import Lengths, RowsMade
    from openmolmo.training.config import RunConfig

__all__ = ["pack_report"]


@click.command(name="pack-report")
@click.argument("targets", nargs=-1, required=True, metavar="RECIPE|PATH...")
@click.option("--count", default=500, show_default=True, type=click.IntRange(min=1), help="Examples to measure.")
@click.option("--row-length", multiple=True, type=click.IntRange(min=1), help="Tokens of a row (may be repeated).")
@click.option("--open-rows", multiple=True, type=click.IntRange(min=1), help="Rows held open (may be repeated).")
@click.option("--model", help="For a PATH: whose tokenizer, crops and format to use.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def pack_report(
    targets: tuple[str, ...],
    count: int,
    row_length: tuple[int, ...],
    open_rows: tuple[int, ...],
    model: str | None,
    as_json: bool,
) -> None:
    """Show how full rows become: one example each, several, packed, and with long examples split.

    A target is a recipe, with settings as `train` takes them (`nano_sft loader.rows=4`), or the path of a
    data set. Pictures are not opened where their size is known. By default rows are as long as the recipe's,
    and 2304 and 8192 tokens, and 8 and 32 of them are held open.
    """
    settings = [target for target in targets if "=" in target]
    names = [target for target in targets if "=" not in target]
    reports = [_report(name, _config(name, settings, model), count, row_length, open_rows) for name in names]
    if not reports:
        raise click.UsageError("name a recipe or the path of a data set")
    if as_json:
        click.echo(json.dumps([{"target": name, **_json(lengths, rows)} for name, lengths, rows in reports], indent=2))
        return
    for name, lengths, rows in reports:
        _tell(name, lengths, rows)


def _config(target: str, settings: list[str], model: str | None) -> RunConfig:
    """A recipe's configuration, or one with a single data set."""
    from openmolmo.core.config import override
    from openmolmo.data.mixture import GroupConfig, MixtureConfig, SourceConfig
    from openmolmo.training.config import RunConfig
    from openmolmo.training.recipe import RECIPES, change, load_recipe, parameters_of

    path = Path(target)
    if path.exists() and not target.endswith(".py"):
        group = GroupConfig(rate=1.0, sources=(SourceConfig.at(path),))
        plain = RunConfig(name=path.stem, steps=1, init_from=model, mixture=MixtureConfig(groups=(group,)))
        single: RunConfig = override(plain, settings)
        return single
    if target not in RECIPES and not target.rpartition(":")[0].endswith(".py") and not target.endswith(".py"):
        raise _unknown(target, RECIPES.names())
    arguments, changes = parameters_of(target, tuple(settings))
    found = change(target, load_recipe(target, **arguments), changes)
    if not isinstance(found, RunConfig):
        raise click.UsageError(f"{target} trains an encoder on crops: it has no rows")
    return found


def _unknown(target: str, recipes: list[str]) -> NotRegisteredError:
    path = Path(target)
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(target, recipes, n=2)
    near += [str(path.with_name(name)) for name in difflib.get_close_matches(path.name, beside, n=2)]
    return NotRegisteredError(
        f"{target!r} is neither a recipe nor the path of a data set",
        fix=f"did you mean {' or '.join(near)}?" if near else f"recipes: {', '.join(recipes)}",
    )


def _report(
    target: str, config: RunConfig, count: int, row_lengths: tuple[int, ...], open_rows: tuple[int, ...]
) -> tuple[str, Lengths, list[RowsMade]]:
    from openmolmo.data.mixture import Mixture
    from openmolmo.data.pack_report import Packing, measure_lengths, pack
    from openmolmo.training.build import build_processor

    loader = config.loader
    limits = sorted(set(row_lengths or (loader.row_length, 2304, 8192)))
    held = sorted(set(open_rows or (8, 32)))
    lengths = measure_lengths(Mixture(config.mixture, config.seed), build_processor(config), count, limits)
    ways = []
    for limit in limits:
        ways.append(Packing(limit, 0, loader.spans))
        if loader.row_examples > 1:
            ways.append(Packing(limit, 0, loader.rows, row_examples=loader.row_examples))
        ways += [Packing(limit, number, loader.rows) for number in held]
        if any(length > limit for length in lengths.whole):
            ways.append(Packing(limit, held[-1], loader.rows, split=True))
    return target, lengths, [pack(lengths, way) for way in ways if any(lengths.cut[way.row_length])]


def _json(lengths: Lengths, rows: list[RowsMade]) -> dict[str, Any]:
    return {"lengths": lengths.to_dict(), "rows": [row.to_dict() for row in rows]}


def _tell(name: str, lengths: Lengths, rows: list[RowsMade]) -> None:
    from openmolmo.core.progress import print_table

    found = lengths.to_dict()
    figures = [
        ("tokens, mean", f"{found['tokens_mean']:.0f}"),
        (
            "median, 90 %, most",
            f"{found['tokens_median']:.0f}, {found['tokens_90_percent']:.0f}, {found['tokens_most']}",
        ),
        ("picture's share", f"{found['image_share']:.0%}"),
        ("share with loss", f"{found['supervised_share']:.0%}"),
        ("annotations, mean, most", f"{found['annotations_mean']:.1f}, {found['annotations_most']}"),
        ("could not be made", str(found["unreadable"])),
    ]
    print_table(f"{Path(name).name}: {found['examples']} examples", ("what", "value"), figures)
    columns = ("row length", "rows", "used", "padding", "examples/row", "rows/1000", "too long", "unusable", "lost")
    print_table("Rows", columns, [_cells(row) for row in rows])


def _cells(row: RowsMade) -> tuple[str, ...]:
    way = row.packing
    alone = f"plain, {way.rows} a batch" if way.row_examples == 1 else f"of {way.row_examples}, {way.rows} a batch"
    kind = f"{way.open_rows} open" if way.open_rows else alone
    return (
        str(way.row_length),
        f"{kind}, split" if way.split else kind,
        f"{row.utilisation:.1%}",
        f"{1 - row.utilisation:.1%}",
        f"{row.examples_per_row:.2f}",
        f"{row.rows_per_1000:.0f}",
        str(row.too_long),
        str(row.unusable),
        f"{row.lost:.1%}",
    )
