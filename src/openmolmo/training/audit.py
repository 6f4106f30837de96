"""What the audit says of the data of a run: told in a line, kept with the result, refused where that is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from openmolmo.core.errors import DataError
from openmolmo.data.mixture import Mixture, MixtureConfig, SourceConfig
from openmolmo.data.sources.base import SOURCES, Source
from openmolmo.data.sources.published import PublishedSet
from openmolmo.records.audit import REFUSED
from openmolmo.records.example import ANNOTATION_KINDS, Example, Made

__all__ = ["DataAudit", "audit_mixture"]


@runtime_checkable
class _Quick(Protocol):
    """A source that gives its examples without reading pictures."""

    def without_pictures(self) -> Iterator[Example]: ...


@dataclass(frozen=True, kw_only=True)
class DataAudit:
    """Annotations of a run's data sets by how they were made: data set -> how -> number; and the refused ones.

    Of a set that cannot be looked through, such as one at the hub, its declaration counts, as one annotation.
    """

    annotations: dict[str, int]
    refused: dict[str, dict[str, int]]

    @property
    def line(self) -> str | None:
        """One sentence on what is refused; None where nothing is."""
        if not self.refused:
            return None
        total = sum(sum(by.values()) for by in self.refused.values())
        sets = "; ".join(
            f"{name}: {', '.join(f'{count:,} {how}' for how, count in by.items())}" for name, by in self.refused.items()
        )
        return f"{total:,} of {sum(self.annotations.values()):,} annotations fail the audit ({sets})"

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {"ok": not self.refused, "annotations": self.annotations, "refused": self.refused, "line": self.line}

    def require(self) -> None:
        """Raise DataError where anything is refused."""
        if self.line is not None:
            raise DataError(
                self.line,
                fix="openmolmo data audit PATH lists them; say how they were made (made in the rows), leave them out, "
                "or train without --require-audit",
            )


def audit_mixture(config: MixtureConfig, mixture: Mixture) -> DataAudit:
    """Look at how every annotation that a run may learn was made; pictures are not read."""
    annotations: dict[str, int] = {}
    refused: dict[str, dict[str, int]] = {}
    every = [source for group in config.groups for source in group.sources]
    for name, settings, source in zip(mixture.names, every, mixture.sources, strict=True):
        counts: Counter[tuple[Made, ...]] = Counter(_made(settings, source))
        annotations[name] = sum(counts.values())
        bad: Counter[str] = Counter()
        for made, count in counts.items():
            failing = [str(how) for how in made if how in REFUSED]
            if failing or not made:
                bad[" and ".join(failing) or str(Made.UNKNOWN)] += count
        if bad:
            refused[name] = dict(bad)
    return DataAudit(annotations=annotations, refused=refused)


def _made(settings: SourceConfig, source: Source) -> Iterator[tuple[Made, ...]]:
    """How each annotation of the kinds in use was made."""
    kinds = settings.kinds or ANNOTATION_KINDS
    factory = SOURCES.get(settings.source)
    if isinstance(factory, PublishedSet):
        yield from (made for kind, made in factory.made.items() if kind in kinds)
        return
    for example in _examples(source):
        for item in example.annotations:
            if item.kind in kinds:
                yield tuple(example.provenance.made.get(item.kind) or (Made.UNKNOWN,))


def _examples(source: Source) -> Iterator[Example]:
    """All examples where that is quick, else the first, which stands for all."""
    try:
        if isinstance(source, _Quick):
            yield from source.without_pictures()
        else:
            yield source[0]
    except DataError:
        return  # the loader meets it too, and says which example cannot be used
