"""The data of a run as far as they are known without fetching any: opened where they are here, else declared."""

from __future__ import annotations

import math

from openmolmo.core.errors import DataError, MissingDependencyError
from openmolmo.data.mixture import GroupConfig, Mixture, MixtureConfig, SourceConfig
from openmolmo.data.sources.base import SOURCES
from openmolmo.data.sources.published import PublishedSet
from openmolmo.training.config import RunConfig

__all__ = ["declared_data"]


def declared_data(config: RunConfig) -> list[tuple[object, ...]]:
    """Name, examples, share and fingerprint of each data set.

    One that is not on this machine has the size that its mixture declares, and instead of the fingerprint stands why.
    Raises ConfigError for options that a data set does not have, NotRegisteredError for one that is unknown.
    """
    rows: list[tuple[object, ...]] = []
    total = sum(group.rate for group in config.mixture.groups)
    for group in config.mixture.groups:
        found = [_look(source, config.seed) for source in group.sources]
        sizes = [source.rate_size or size for source, (_, size, _) in zip(group.sources, found, strict=True)]
        roots = sum(math.sqrt(size) for size in sizes if size is not None)
        for (name, size, what), rated in zip(found, sizes, strict=True):
            part = math.sqrt(rated) / roots if rated and None not in sizes else 1.0
            share = "?" if None in sizes and len(sizes) > 1 else f"{group.rate / total * part:.2%}"
            if what.startswith("declared") and rated:
                rows.append((name, f"{rated:,} (declared)", share, what))
            else:
                rows.append((name, "?" if size is None else f"{size:,}", share, what))
    return rows


def _look(source: SourceConfig, seed: int) -> tuple[str, int | None, str]:
    """Name, size if known, and fingerprint or why there is none."""
    name = source.name or source.source
    factory = SOURCES.get(source.source)
    if isinstance(factory, PublishedSet) and "path" not in source.options:
        return name, None, "declared: stands at the hub"
    try:
        alone = Mixture(MixtureConfig(groups=(GroupConfig(rate=1.0, sources=(source,)),)), seed)
    except (DataError, MissingDependencyError, OSError) as error:
        reason = error.reason if isinstance(error, DataError) else str(error).splitlines()[0]
        return name, None, f"declared, not here: {reason}"
    return alone.names[0], len(alone.sources[0]), alone.sources[0].fingerprint
