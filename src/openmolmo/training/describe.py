"""What a run would do, without doing it: settings, data, parameters, steps, memory, work and time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import torch

from openmolmo.core.config import to_dict
from openmolmo.core.errors import ConfigError
from openmolmo.data.loader import check_world
from openmolmo.engine.synth.patch_labels import NAMES
from openmolmo.training.config import (
    PARTS,
    BaseRunConfig,
    CropPolicyRunConfig,
    NameRunConfig,
    PatchRunConfig,
    RunConfig,
)
from openmolmo.training.estimate.data import declared_data
from openmolmo.training.estimate.encoder import PlannedReader, planned_reader
from openmolmo.training.estimate.gpus import Gpu, find_gpu, gpu_called
from openmolmo.training.estimate.memory import memory
from openmolmo.training.estimate.planned import Planned, planned
from openmolmo.training.estimate.times import require_utilisation, times
from openmolmo.training.estimate.traffic import Traffic, traffic
from openmolmo.training.format_config import format_config
from openmolmo.training.parallel.world import require_size
from openmolmo.training.watch.callbacks import require_callbacks
from openmolmo.training.watch.writers import require_writers

__all__ = ["Description", "describe"]

Table = tuple[str, tuple[str, ...], list[tuple[object, ...]]]
"""Title, columns, rows."""

_MOST_GPUS = 1024
_FITS = 0.9
"""Share of a device's memory that a run may take: the rest is lost between its blocks."""


class Description:
    """The resolved configuration, and tables to print.

    ``settings`` is the configuration as JSON text, ``shown`` the same shortened for people; ``notes`` are lines
    that belong under a table, by its title.
    """

    def __init__(self, config: BaseRunConfig, tables: list[Table], notes: Mapping[str, Sequence[str]]) -> None:
        self.settings, self.shown = json.dumps(to_dict(config), indent=2), format_config(config)
        self.tables, self.notes = tables, notes


def describe(
    config: BaseRunConfig, gpus: int | None = None, gpu: str | None = None, utilisation: float | None = None
) -> Description:
    """What a run would take; nothing is read but settings, and nothing is written.

    Args:
        config: of the run.
        gpus: number of devices; None is one, or with ``gpu`` the fewest that hold the run.
        gpu: their kind; None is that of this machine, if it has one that is known.
        utilisation: share of the peak that is useful work, if it was measured; else time is a range.

    Raises:
        ConfigError: the settings do not fit each other, the number of devices or any known GPU.
    """
    require_writers(config.watch.writers, here=False)
    require_callbacks(config.watch.callbacks)
    require_utilisation(utilisation)
    kind = _gpu(gpu)
    if isinstance(config, PatchRunConfig):
        if gpus and gpus > 1:
            raise ConfigError(f"{config.name} is a run of one process, and --gpus is {gpus}", fix="leave --gpus out")
        return _describe_patches(config, kind, utilisation)
    if isinstance(config, NameRunConfig):
        return _describe_names(config)
    if isinstance(config, CropPolicyRunConfig):
        return _describe_policy(config)
    assert isinstance(config, RunConfig)
    plan = planned(config)
    count = gpus or (_fewest(config, plan, kind) if gpu and kind else 1)
    _require_count(config, count)
    data, about_data = declared_data(config)
    tables = [
        ("Data", ("data set", "examples", "share", "fingerprint"), data),
        _parts(plan, config),
        _steps(plan, config),
        _memory(plan, config, kind, count, chosen=gpus is None),
        _work(plan, config, kind, count, utilisation),
    ]
    return Description(config, tables, {"Data": about_data, "Parameters": _about_parts(plan, config)})


def _describe_patches(config: PatchRunConfig, gpu: Gpu | None, utilisation: float | None) -> Description:
    plan = planned_reader(config, half=gpu is not None)
    kinds: list[tuple[object, ...]] = [
        (f"{kind.size} px", kind.windows, kind.most or "any", f"{1 / len(config.scenes):.0%}") for kind in config.scenes
    ]
    numbers: list[tuple[object, ...]] = [
        *((f"parameters trained, {part}", f"{count:,}") for part, count in plan.trained.items()),
        ("peak rate", f"{config.optimizer.encoder.lr:g}"),
        ("steps", f"{config.steps:,}"),
        ("crops a step", config.batch),
        ("crops in all", f"{config.steps * config.batch:,}"),
    ]
    columns = ("size", "crops of each", "objects at most", "share of scenes")
    tables = [
        ("Scenes", columns, kinds),
        ("Steps", ("what", "value"), numbers),
        ("Memory (estimate, one device)", ("what", "size"), _fitting(plan.memory, gpu)),
        ("Work (estimate)", ("what", "value"), _work_of_crops(plan, config, gpu, utilisation)),
    ]
    return Description(config, tables, {"Steps": [f"weights: {plan.weights}"]})


def _describe_policy(config: CropPolicyRunConfig) -> Description:
    numbers: list[tuple[object, ...]] = [
        ("model, which stays as it is", config.init_from or f"{config.model}, random weights"),
        ("steps", f"{config.steps:,}"),
        ("questions asked, with each crop alone", f"{config.steps * config.batch:,}"),
        ("updates of the policy", f"{config.steps * config.updates:,}"),
        ("crops kept by the model that is saved", config.keep_crops),
    ]
    return Description(config, [("Steps", ("what", "value"), numbers)], {})


def _describe_names(config: NameRunConfig) -> Description:
    known = sum(len(NAMES[fact]) for fact in config.names)
    numbers: list[tuple[object, ...]] = [
        ("model, of which embeddings, queries and keys learn", config.init_from),
        ("names", f"{known:,} ({', '.join(config.names)})"),
        ("layer and heads that look for them", f"{config.layer}: {', '.join(map(str, config.heads))}"),
        ("peak rate", f"{config.optimizer.llm.lr:g}"),
        ("steps", f"{config.steps:,}"),
        ("windows in all", f"{config.steps * config.windows:,}"),
    ]
    return Description(config, [("Steps", ("what", "value"), numbers)], {})


def _work_of_crops(
    plan: PlannedReader, config: PatchRunConfig, gpu: Gpu | None, utilisation: float | None
) -> list[tuple[object, ...]]:
    each = sum(plan.work.values())
    values: list[tuple[object, ...]] = [
        ("operations a crop", f"{each:.3g} ({_shares(plan.work)})"),
        ("operations a step", f"{each * config.batch:.3g}"),
        ("operations in all", f"{each * config.batch * config.steps:.3g}"),
    ]
    return values + times(each * config.batch, config.steps, gpu, 1, Traffic(), utilisation)


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
        settings, trained = config.optimizer.part(part), plan.sizes.trained[part]
        warmup = settings.warmup_in(config.steps)
        of = f" of {settings.warmup:,}" if warmup < settings.warmup else ""
        how = (f"{settings.lr:g}", f"{warmup:,}{of}", f"{settings.clip:g}") if trained else ("frozen", "", "")
        rows.append((part, f"{trained:,}", *how))
    rows.append(("all, with frozen ones", f"{plan.sizes.every:,}", "", "", ""))
    return "Parameters", ("part", "trained", "peak rate", "warm-up", "clip"), rows


def _about_parts(plan: Planned, config: RunConfig) -> list[str]:
    notes = [f"weights: {plan.weights}"]
    parts = [config.optimizer.part(part) for part in PARTS if plan.sizes.trained[part]]
    if any(part.warmup_in(config.steps) < part.warmup for part in parts):
        notes.append(f"warm-up takes at most a fifth of the {config.steps:,} steps, whatever the settings say")
    return notes


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
    more = ", nor on fewer or more" if chosen and count > 1 else ""
    rows = _fitting(_bytes(plan, config, gpu is not None, count), gpu, more)
    how = f"{config.parallel.mode}, checkpointing {config.parallel.checkpointing}"
    where = f"each of {count} devices, {how}" if count > 1 else "one device"
    return f"Memory (estimate, {where})", ("what", "size"), rows


def _fitting(sizes: Mapping[str, float], gpu: Gpu | None, more: str = "") -> list[tuple[object, ...]]:
    """Bytes by kind, together, and whether the device has them; ``more`` is said where it has not."""
    rows: list[tuple[object, ...]] = [(name, _size(size)) for name, size in sizes.items()]
    together = sum(sizes.values())
    rows.append(("together, about", _size(together)))
    if gpu is not None:
        fits = "it fits" if together < _FITS * gpu.memory else f"it does not fit{more}"
        rows.append((f"{gpu.name} has", f"{_size(gpu.memory)}: {fits}"))
    return rows


def _work(plan: Planned, config: RunConfig, gpu: Gpu | None, count: int, utilisation: float | None) -> Table:
    row, rows = plan.row, config.loader.spans * config.accumulate
    parts = plan.work.step(row)
    each = sum(parts.values())
    values: list[tuple[object, ...]] = [
        ("a full row is", f"{row.tokens:,.0f} tokens, {row.crops:.0f} crops, {row.learnt:,.0f} tokens learnt"),
        (f"operations {'a row' if config.loader.packing else 'an example'}", f"at most {each:.3g} ({_shares(parts)})"),
        ("operations a step", f"{each * rows:.3g}"),
        ("operations in all", f"{each * rows * config.steps:.3g}"),
    ]
    sent = _sent(plan, config, count)
    if count > 1:
        told = f"{_size(sent.near)} within a node of 8, {_size(sent.far)} to others"
        values.append(("each device sends in a step", told))
    values += times(each * rows, config.steps, gpu, count, sent, utilisation)
    return "Work (estimate)", ("what", "value"), values


def _shares(parts: Mapping[str, float]) -> str:
    each = sum(parts.values())
    return ", ".join(f"{part} {value / each:.0%}" for part, value in parts.items())


def _sent(plan: Planned, config: RunConfig, count: int) -> Traffic:
    batches = config.accumulate // count
    return traffic(
        config.parallel.mode,
        count,
        every=plan.sizes.every,
        trained=sum(plan.sizes.trained.values()),
        batches=batches,
        reduces=batches if config.parallel.reduce == "batch" else 1,
        replicate=config.parallel.replicate,
    )


def _size(value: float) -> str:
    return f"{value / 1e9:,.1f} GB" if value >= 1e10 else f"{value / 1e6:,.0f} MB"
