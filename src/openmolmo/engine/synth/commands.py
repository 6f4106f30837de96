"""``openmolmo synth <generator>``: one subcommand for every registered generator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import get_args

import click

from openmolmo.core.command_group import OpenGroup
from openmolmo.core.errors import NotRegisteredError
from openmolmo.core.executors import Executor, executor_option
from openmolmo.core.progress import console, print_table
from openmolmo.engine.synth.base import GENERATORS
from openmolmo.engine.synth.driver import SynthResult, synthesize
from openmolmo.records.example import Split

__all__ = ["synth"]


class GeneratorGroup(OpenGroup):
    """Subcommands are the names in ``GENERATORS``, imported when run, and the entry points of ``synth_commands``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *GENERATORS.names()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name) if cmd_name in GENERATORS else super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self._summaries = {**{name: f"Make {name}." for name in GENERATORS.names()}, **self._summaries}
        super().format_commands(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            try:
                GENERATORS.get(args[0])
            except NotRegisteredError as error:
                raise click.UsageError(str(error), ctx) from error
        return super().resolve_command(ctx, args)


@click.group(
    cls=GeneratorGroup,
    opened="openmolmo.synth_commands",
    summaries={
        "caption-qa": "Make questions and answers out of captions.",
        "count": "Make counts of what a detector finds in a folder of pictures.",
        "docs": "Make documents, charts, tables and diagrams with questions.",
    },
)
def synth() -> None:
    """Make data with a generator: pictures, texts, points and where they came from.

    The same options give the same bytes with any number of workers. A run that was stopped is
    finished by the same command; whole shards are kept.
    """


def _command(name: str) -> click.Command:
    @click.command(name, short_help=f"Make {name}.", help=f"Make a data set of {name} in the folder --out.")
    @click.option("--count", default=1000, show_default=True, type=click.IntRange(min=1), help="How many examples.")
    @click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
    @click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Processes.")
    @click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Other seed, other data.")
    @click.option("--size", default=256, show_default=True, type=click.IntRange(16, 4096), help="Longer side, pixels.")
    @click.option("--split", default="train", show_default=True, type=click.Choice(get_args(Split)))
    @click.option(
        "--rows-per-shard", default=512, show_default=True, type=click.IntRange(min=1), help="Examples in one file."
    )
    @executor_option
    def run(
        count: int, out: Path, workers: int, seed: int, size: int, split: str, rows_per_shard: int, executor: Executor
    ) -> None:
        started = time.perf_counter()
        result = synthesize(
            GENERATORS.get(name),
            out,
            count=count,
            seed=seed,
            size=size,
            split=split,
            workers=workers,
            rows_per_shard=rows_per_shard,
            executor=executor,
        )
        _tell(name, result, time.perf_counter() - started)

    return run


def _tell(name: str, result: SynthResult, seconds: float) -> None:
    manifest = result.manifest
    new = sum(shard.rows for shard in manifest.shards) if result.made else 0
    print_table(
        f"{name} in {result.folder}",
        ["", "value"],
        [
            ["examples", manifest.rows],
            ["shards made now", result.made],
            ["shards kept from before", result.kept],
            ["size, MB", f"{sum(shard.bytes for shard in manifest.shards) / 1e6:.1f}"],
            ["time, s", f"{seconds:.1f}"],
            *([["examples per second", f"{new / seconds:.0f}"]] if result.kept == 0 else []),
            ["fingerprint", manifest.fingerprint[:16]],
        ],
    )
    console.print(f"look at it:  openmolmo data show {result.folder}", highlight=False, soft_wrap=True)
