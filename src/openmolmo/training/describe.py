"""What a run would do, without doing it: settings, data, parameters, steps, memory, work and time."""

from __future__ import annotations

import json

import torch

from openmolmo.core.config import to_dict
from openmolmo.core.errors import ConfigError
from openmolmo.data.loader import check_world
from openmolmo.training.config import PARTS, BaseRunConfig, PatchRunConfig, RunConfig
from openmolmo.training.estimate.data import declared_data
from openmolmo.training.estimate.gpus import UTILISATION, Gpu, find_gpu, gpu_called
from openmolmo.training.estimate.memory import memory
from openmolmo.training.estimate.planned import Planned, is_here, planned
from openmolmo.training.estimate.traffic import traffic
from openmolmo.training.parallel.world import require_size

__all__ = ["Description", "describe"]

Table = tuple[str, tuple[str, ...], list[tuple[object, ...]]]
"""Title, columns, rows."""

_MOST_GPUS = 1024
_FITS = 0.9
"""Share of a device's memory that a run may take: the rest is lost between its blocks."""


class Description:
    """The resolved configuration as JSON text, and tables to print."""

    def __init__(self, settings: str, tables: list[Table]) -> None:
        self.settings, self.tables = settings, tables


def describe(config: BaseRunConfig, gpus: int | None = None, gpu: str | None = None) -> Description:
    """What a run would take; nothing is read but settings, and nothing is written.

    Args:
        config: of the run.
        gpus: number of devices; None is one, or with ``gpu`` the fewest that hold the run.
        gpu: their kind; None is that of this machine, if it has one that is known.

    Raises:
        ConfigError: the settings do not fit each other, the number of devices or any known GPU.
    """
    if isinstance(config, PatchRunConfig):
        if gpus and gpus > 1:
            raise ConfigError(f"{config.name} is a run of one process, and --gpus is {gpus}", fix="leave --gpus out")
        return _describe_patches(config)
    assert isinstance(config, RunConfig)
    plan, kind = planned(config), _gpu(gpu)
    count = gpus or (_fewest(config, plan, kind) if gpu and kind else 1)
    _require_count(config, count)
    tables = [
        ("Data", ("data set", "examples", "share", "fingerprint"), declared_data(config)),
        _parts(plan, config),
        _steps(plan, config),
        _memory(plan, config, kind, count, chosen=gpus is None),
        _work(plan, config, kind, count),
    ]
    return Description(json.dumps(to_dict(config), indent=2), tables)


def _describe_patches(config: PatchRunConfig) -> Description:
    from openmolmo.training.build import build_model, build_processor
    from openmolmo.training.patches.loop import make_reader, trained_in

    here = config if is_here(config.init_from) else config.replace(init_from=None)  # of the same sizes
    reader = make_reader(here, build_model(here, build_processor(here)))
    parts = trained_in(reader)
    kinds: list[tuple[object, ...]] = [
        (f"{kind.size} px", kind.windows, kind.most or "any", f"{1 / len(config.scenes):.0%}") for kind in config.scenes
    ]
    numbers: list[tuple[object, ...]] = [
        ("weights", f"{config.init_from or 'fresh, from the seed'}{'' if here is config else ': not on this machine'}"),
        *((f"parameters trained, {part}", f"{sum(p.numel() for p in members):,}") for part, members in parts.items()),
        ("peak rate", f"{config.optimizer.encoder.lr:g}"),
        ("steps", f"{config.steps:,}"),
        ("crops a step", config.batch),
        ("crops in all", f"{config.steps * config.batch:,}"),
    ]
    columns = ("size", "crops of each", "objects at most", "share of scenes")
    return Description(
        json.dumps(to_dict(config), indent=2), [("Scenes", columns, kinds), ("Steps", ("what", "value"), numbers)]
    )


def _gpu(name: str | None) -> Gpu | None:
    if name is not None:
        return find_gpu(name)
    return gpu_called(torch.cuda.get_device_name()) if torch.cuda.is_available() else None


def _bytes(plan: Planned, config: RunConfig, on_gpu: bool, count: int) -> dict[str, float]:
    return memory(config, plan.model, plan.sizes, plan.row, plan.crop, half=on_gpu, count=count)


def _require_count(config: RunConfig, count: int) -> None:
    """Raise ConfigError where a run of ``count`` processes would be refused."""
    require_size(config.parallel, count)
    if config.accumulate % count:
        raise ConfigError(
            f"accumulate={config.accumulate} batches a step cannot be dealt out to {count} devices",
            fix="give a number that divides it, or change accumulate (the batch is accumulate x loader.rows x "
            "loader.row_examples)",
        )
    check_world(config.loader, 0, count)


def _fewest(config: RunConfig, plan: Planned, gpu: Gpu) -> int:
    """The smallest power of two of devices that can share the run and hold it; the most that can, where none does."""
    most = 1
    for count in (1 << power for power in range(_MOST_GPUS.bit_length())):
        try:
            _require_count(config, count)
        except ConfigError:
            continue
        if sum(_bytes(plan, config, True, count).values()) < _FITS * gpu.memory:
            return count
        most = count
    return most


def _parts(plan: Planned, config: RunConfig) -> Table:
    rows: list[tuple[object, ...]] = []
    for part in PARTS:
        settings = config.optimizer.part(part)
        warmup = settings.warmup_in(config.steps)
        rows.append((part, f"{plan.sizes.trained[part]:,}", f"{settings.lr:g}", warmup, f"{settings.clip:g}"))
    rows.append(("all, with frozen ones", f"{plan.sizes.every:,}", "", "", ""))
    rows.append(("weights", plan.weights, "", "", ""))
    return "Parameters", ("part", "trained", "peak rate", "warm-up", "clip"), rows


def _steps(plan: Planned, config: RunConfig) -> Table:
    loader = config.loader
    rows, spans = config.accumulate * loader.rows, config.accumulate * loader.spans
    packed = "as many as fit" if loader.packing else f"{spans:,}"
    in_all = "" if loader.packing else f", {spans * config.steps:,} in all"
    saved = -(-config.steps // config.checkpoint_every)
    trained = sum(plan.sizes.trained.values())
    size = 8 * trained + 4 * (plan.sizes.every if config.lora is None else trained)
    values: list[tuple[object, ...]] = [
        ("steps", f"{config.steps:,}"),
        ("rows a step", f"{rows:,} ({config.accumulate} x {loader.rows})"),
        ("tokens a step", f"at most {spans * loader.row_length:,}"),
        ("examples a step", packed + in_all),
        ("checkpoints", f"{saved:,}, the newest {config.keep} are kept, {_size(size)} each"),
    ]
    return "Steps", ("what", "value"), values


def _memory(plan: Planned, config: RunConfig, gpu: Gpu | None, count: int, *, chosen: bool) -> Table:
    sizes = _bytes(plan, config, gpu is not None, count)
    rows: list[tuple[object, ...]] = [(name, _size(size)) for name, size in sizes.items()]
    together = sum(sizes.values())
    rows.append(("together, about", _size(together)))
    if gpu is not None:
        fits = "it fits" if together < _FITS * gpu.memory else "it does not fit"
        more = ", nor on fewer or more" if chosen and count > 1 and fits != "it fits" else ""
        rows.append((f"{gpu.name} has", f"{_size(gpu.memory)}: {fits}{more}"))
    how = f"{config.parallel.mode}, checkpointing {config.parallel.checkpointing}"
    where = f"each of {count} devices, {how}" if count > 1 else "one device"
    return f"Memory (estimate, {where})", ("what", "size"), rows


def _work(plan: Planned, config: RunConfig, gpu: Gpu | None, count: int) -> Table:
    row, rows = plan.row, config.loader.spans * config.accumulate
    parts = plan.work.step(row)
    each = sum(parts.values())
    shares = ", ".join(f"{part} {value / each:.0%}" for part, value in parts.items())
    values: list[tuple[object, ...]] = [
        ("a full row is", f"{row.tokens:,.0f} tokens, {row.crops:.0f} crops, {row.learnt:,.0f} tokens learnt"),
        ("operations a row" if config.loader.packing else "operations an example", f"at most {each:.3g} ({shares})"),
        ("operations a step", f"{each * rows:.3g}"),
        ("operations in all", f"{each * rows * config.steps:.3g}"),
    ]
    if gpu is not None:
        seconds = each * rows / (count * gpu.peak * UTILISATION)
        values.append((f"a step on {count} x {gpu.name}", f"{seconds:.3g} s at {UTILISATION:.0%} of the peak, assumed"))
        values.append(("all steps", f"{_clock(seconds * config.steps)}, {_hours(seconds * config.steps * count)}"))
    if count > 1:
        values.append(("each device sends in a step", _sent(plan, config, count)))
    return "Work (estimate)", ("what", "value"), values


def _sent(plan: Planned, config: RunConfig, count: int) -> str:
    sent = traffic(
        config.parallel.mode,
        count,
        every=plan.sizes.every,
        trained=sum(plan.sizes.trained.values()),
        batches=config.accumulate // count,
        reduces=config.accumulate // count if config.parallel.reduce == "batch" else 1,
        replicate=config.parallel.replicate,
    )
    return f"{_size(sent.near)} within a node of 8, {_size(sent.far)} to others"


def _size(value: float) -> str:
    return f"{value / 1e9:,.1f} GB" if value >= 1e10 else f"{value / 1e6:,.0f} MB"


def _clock(seconds: float) -> str:
    return f"{seconds / 86_400:.1f} days" if seconds >= 2 * 86_400 else f"{seconds / 3600:.1f} h"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.0f} GPU hours"
