"""Runs a generator into a data set folder: many workers, resumable, the same bytes however it is run.

Shard ``k`` holds the examples ``k * rows_per_shard`` and following, each made from (seed, split,
index) alone, so any worker can make any shard. A shard appears under its name only when it is
whole, and its footer says what it was made from. Running again keeps the shards that match and
makes the rest; the manifest is written last.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.config import to_dict
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.executors import Executor, run_shards
from openmolmo.core.files import only_writer
from openmolmo.core.progress import make_progress
from openmolmo.engine.synth.base import Generator
from openmolmo.engine.synth.plan import SAME, SynthPlan, make_shard, make_task
from openmolmo.engine.synth.workers import run_tasks
from openmolmo.records.manifest import MANIFEST, Manifest, ShardInfo
from openmolmo.records.shards import read_metadata, shard_info

__all__ = ["SynthResult", "synthesize"]


@dataclass(frozen=True, kw_only=True)
class SynthResult:
    """The finished data set: its manifest, and how many shards were made now or kept from before."""

    folder: Path
    manifest: Manifest
    made: int
    kept: int


def synthesize(  # noqa: PLR0913  (one number more than a settings class would be worth)
    generator: Generator,
    out: Path,
    *,
    count: int,
    seed: int = 0,
    size: int = 256,
    split: str = "train",
    workers: int = 1,
    rows_per_shard: int = 512,
    executor: Executor = "processes",
) -> SynthResult:
    """Make ``count`` examples in ``out``; the same arguments give the same bytes for any ``workers`` and ``executor``.

    With the executor ``ray`` the shards are made by a local Ray of ``workers`` processors, or by the cluster that
    RAY_ADDRESS names, whose machines must all see ``out``.

    An interrupted run is finished by calling again. A folder that holds something else, or data
    of another generator, version, seed, size, split or shard length, or more examples than
    asked for, is a :class:`DataError`; it is left as it is.
    """
    plan = SynthPlan(
        generator=generator.name,
        version=generator.version,
        seed=seed,
        size=size,
        split=split,
        count=count,
        rows_per_shard=rows_per_shard,
    )
    if workers < 1:
        raise ConfigError(f"workers is {workers}, must be at least 1")
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file, must be a folder", fix="choose another --out")
    existed = out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with only_writer(out):
            kept, made, manifest = _finish(generator, plan, out, workers, executor)
    finally:
        if not existed and not any(out.iterdir()):
            out.rmdir()  # nothing came of it: leave no trace
    return SynthResult(folder=out, manifest=manifest, made=len(made), kept=len(kept))


def _finish(
    generator: Generator, plan: SynthPlan, out: Path, workers: int, executor: Executor
) -> tuple[dict[int, ShardInfo], dict[int, ShardInfo], Manifest]:
    """Make what is missing in ``out``: the shards kept, the shards made, the manifest of all."""
    kept = _whole_shards(out, plan)
    todo = [number for number in range(plan.shards) if number not in kept]
    if todo:
        (out / MANIFEST).unlink(missing_ok=True)  # it does not vouch for what is being made
    _clean(out)
    made = _make(generator, plan, out, todo, workers, executor)
    _clean(out)
    shards = {**kept, **made}
    manifest = Manifest(shards=tuple(shards[number] for number in range(plan.shards)), made_by=to_dict(plan))
    if todo or not (out / MANIFEST).exists():
        manifest.save(out)
    return kept, made, manifest


def _clean(out: Path) -> None:
    """Remove what a run or a worker that was killed had begun."""
    for leftover in out.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def _make(
    generator: Generator, plan: SynthPlan, out: Path, todo: list[int], workers: int, executor: Executor
) -> dict[int, ShardInfo]:
    total = sum(plan.rows(shard) for shard in todo)
    with make_progress() as progress:
        bar = progress.add_task(f"making {plan.generator}", total=total)
        if executor == "ray" and todo:
            tasks = [(generator, plan, out.resolve(), shard) for shard in todo]  # workers have folders of their own
            infos = run_shards(
                make_task,
                tasks,
                executor=executor,
                workers=workers,
                on_done=lambda info: progress.advance(bar, info.rows),
            )
            return dict(zip(todo, infos, strict=True))
        if workers == 1 or len(todo) < 2:
            return {
                shard: make_shard(generator, plan, out, shard, on_example=lambda: progress.advance(bar))
                for shard in todo
            }
        return run_tasks(
            generator, plan, out, todo, workers=workers, on_progress=lambda done: progress.update(bar, completed=done)
        )


def _whole_shards(out: Path, plan: SynthPlan) -> dict[int, ShardInfo]:
    """The shards that need not be made again; raises when the folder holds anything else."""
    names = {plan.name(number): number for number in range(plan.shards)}
    known = _recorded(out)
    kept = {}
    for path in sorted(out.iterdir()):
        if path.name == MANIFEST or (path.name.startswith(".") and path.name.endswith(".tmp")):
            continue
        metadata = read_metadata(path) if path.suffix == ".parquet" else None
        if metadata is None and path.name in names:
            continue  # damaged: made again
        if metadata is None or "generator" not in metadata:
            raise DataError(
                f"{out} is not empty and holds {path.name}, which is not part of this data",
                fix="choose another --out, or empty that folder",
            )
        _check_same(out, metadata, plan)
        number = names.get(path.name)
        if number is None:
            raise DataError(
                f"{out} already holds {path.name}, but {plan.count} examples need only {plan.shards} shards",
                fix=f"ask for more than {plan.count} examples, or choose another --out",
            )
        info = shard_info(path)
        if info.rows == plan.rows(number) and metadata == {**metadata, **plan.metadata(number)}:
            if known.get(path.name, info) == info:
                kept[number] = info
        elif info.rows > plan.rows(number):
            raise DataError(
                f"{path.name} in {out} has {info.rows} examples, {plan.count} in all leave {plan.rows(number)} for it",
                fix="ask for at least as many examples as there are, or choose another --out",
            )
    return kept


def _recorded(out: Path) -> dict[str, ShardInfo]:
    """What the manifest of an earlier, finished run says; nothing if there is none."""
    try:
        return {shard.name: shard for shard in Manifest.load(out).shards}
    except DataError:
        return {}


def _check_same(out: Path, metadata: dict[str, Any], plan: SynthPlan) -> None:
    for key in SAME:
        if metadata.get(key) != getattr(plan, key):
            raise DataError(
                f"{out} holds data made with {key}={metadata.get(key)!r}, asked for is {getattr(plan, key)!r}",
                field=key,
                rule="an existing folder can only be continued with the same settings",
                fix=f"use {key}={metadata.get(key)!r}, or choose another --out",
            )
