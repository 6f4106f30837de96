"""Examples to judge on that a run does not train on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openmolmo.core.errors import ConfigError, DataError, MissingDependencyError
from openmolmo.data.mixture import GroupConfig, Mixture, MixtureConfig, SourceConfig
from openmolmo.records.example import Example
from openmolmo.records.folder import open_dataset
from openmolmo.training.config import RunConfig

__all__ = ["held_out"]

_SPLIT = "validation"


def held_out(config: RunConfig) -> dict[str, Sequence[Example]]:
    """The first ``watch.examples`` of each held-out set, by its name.

    Raises ConfigError where there is none, DataError for ``watch.data`` that cannot be read.
    """
    count = config.watch.examples
    if config.watch.data is not None:
        return {Path(config.watch.data).name: _from_path(Path(config.watch.data), count)}
    found: dict[str, Sequence[Example]] = {}
    for group in config.mixture.groups:
        for source in group.sources:
            found |= _validation_part(source, config.seed, count)
    if not found:
        raise ConfigError(
            "no data set of the mixture has a validation part here to judge on",
            fix="give data of its own: watch.data=PATH; or watch.evaluate_every=0",
        )
    return found


def _from_path(path: Path, count: int) -> Sequence[Example]:
    dataset = open_dataset(path)
    every = [dataset[i] for i in range(len(dataset))]
    apart = [example for example in every if example.split != "train"]
    return (apart or every)[:count]


def _validation_part(source: SourceConfig, seed: int, count: int) -> dict[str, Sequence[Example]]:
    """The set's validation part under its name; nothing where it has none, or it is not on this machine."""
    drawn = source.source == "synth"
    if not drawn and "split" not in source.options:
        return {}
    asked = source.replace(options={**source.options, "split": _SPLIT}, rate_size=None)
    try:
        mixture = Mixture(MixtureConfig(groups=(GroupConfig(rate=1.0, sources=(asked,)),)), seed)
    except (DataError, ConfigError, MissingDependencyError, OSError):
        return {}
    opened = mixture.sources[0]
    kept = [opened[i] for i in range(min(count, len(opened)))]
    if source.kinds:
        chosen = [e.replace(annotations=tuple(a for a in e.annotations if a.kind in source.kinds)) for e in kept]
        kept = [example for example in chosen if example.annotations]
    return {mixture.names[0]: kept} if kept else {}
