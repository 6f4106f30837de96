"""The data of a run as far as they are known without fetching any: opened where they are here, else declared."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openmolmo.core.errors import DataError, MissingDependencyError, OpenMolmoError
from openmolmo.data.mixture import GroupConfig, Mixture, MixtureConfig, SourceConfig
from openmolmo.data.sources.base import SOURCES
from openmolmo.data.sources.published import PublishedSet
from openmolmo.training.config import RunConfig

__all__ = ["declared_data"]

_AT_HUB, _NOT_HERE, _HOW = "at the hub", "not here", "docs/how-to/use-published-data.md"


@dataclass(frozen=True)
class _Found:
    """A data set as far as it is known; ``what`` is its fingerprint, or where it is instead of here."""

    name: str
    what: str
    size: int | None = None
    reason: str = ""
    fix: str = ""


def declared_data(config: RunConfig) -> tuple[list[tuple[object, ...]], list[str]]:
    """Name, examples, share and fingerprint of each data set; and notes on those that are not on this machine.

    Such a one has the size that its mixture declares, marked by ``*``, and a word instead of the fingerprint.
    Raises ConfigError for options that a data set does not have, NotRegisteredError for one that is unknown.
    """
    rows: list[tuple[object, ...]] = []
    every: list[_Found] = []
    declared = False
    total = sum(group.rate for group in config.mixture.groups)
    for group in config.mixture.groups:
        found = [_look(source, config.seed) for source in group.sources]
        every += found
        sizes = [source.rate_size or one.size for source, one in zip(group.sources, found, strict=True)]
        roots = sum(math.sqrt(size) for size in sizes if size is not None)
        for one, rated in zip(found, sizes, strict=True):
            part = math.sqrt(rated) / roots if rated and None not in sizes else 1.0
            share = "?" if None in sizes and len(sizes) > 1 else f"{group.rate / total * part:.2%}"
            size = f"{rated:,}*" if one.size is None and rated else "?" if one.size is None else f"{one.size:,}"
            declared = declared or size.endswith("*")
            rows.append((one.name, size, share, one.what))
    return rows, [*(["* as the mixture declares it"] if declared else []), *_notes(every)]


def _notes(found: list[_Found]) -> list[str]:
    """One line on those at the hub, and one for each way to get others."""
    notes = []
    if at_hub := sum(one.what == _AT_HUB for one in found):
        notes.append(
            f"{_AT_HUB}: {at_hub} of {len(found)}; a run reads them from there. For copies of your own: {_HOW}"
        )
    missing = [one for one in found if one.what == _NOT_HERE]
    for fix in dict.fromkeys(one.fix for one in missing):
        alike = [one for one in missing if one.fix == fix]
        more = f" (and {len(alike) - 1} more like it)" if len(alike) > 1 else ""
        notes.append(f"{_NOT_HERE}: {alike[0].name}: {alike[0].reason}{more}{f'; {fix}' if fix else ''}")
    return notes


def _look(source: SourceConfig, seed: int) -> _Found:
    name = source.name or str(source.options.get("path") or source.source)
    factory = SOURCES.get(source.source)
    if isinstance(factory, PublishedSet) and "path" not in source.options:
        return _Found(name, _AT_HUB)
    try:
        alone = Mixture(MixtureConfig(groups=(GroupConfig(rate=1.0, sources=(source,)),)), seed)
    except (DataError, MissingDependencyError, OSError) as error:
        reason = error.reason if isinstance(error, DataError) else str(error).splitlines()[0]
        fix = (isinstance(error, OpenMolmoError) and error.fix) or ""
        if isinstance(factory, PublishedSet):
            fix += f", or make one: {_HOW}"
        return _Found(name, _NOT_HERE, reason=reason, fix=fix)
    return _Found(alone.names[0], alone.sources[0].fingerprint, len(alone.sources[0]))
