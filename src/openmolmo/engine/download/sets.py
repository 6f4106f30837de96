"""The published sets whose pictures are URLs: where their rows are, and which columns matter here.

Columns as on the data cards of arXiv 2409.17146's release, section 3 of the paper. The columns of URLs and
hashes are found by their usual names: a set without hashes can be fetched too.
"""

from __future__ import annotations

from dataclasses import dataclass

from openmolmo.engine.download.tables import Columns

__all__ = ["SETS", "UrlSet"]


@dataclass(frozen=True, kw_only=True)
class UrlSet:
    """A repository of the hub and its columns."""

    repository: str
    columns: Columns


def _pixmo(name: str, *labels: str) -> UrlSet:
    return UrlSet(repository=f"allenai/{name}", columns=Columns(labels=labels))


SETS: dict[str, UrlSet] = {
    "pixmo-ask-model-anything": _pixmo("pixmo-ask-model-anything"),
    "pixmo-cap": _pixmo("pixmo-cap"),
    "pixmo-cap-qa": _pixmo("pixmo-cap-qa"),
    "pixmo-count": _pixmo("pixmo-count", "label", "count"),
    "pixmo-point-explanations": _pixmo("pixmo-point-explanations"),
    "pixmo-points": _pixmo("pixmo-points", "label", "count", "collection_method"),
    "pixmo-points-eval": _pixmo("pixmo-points-eval", "label"),
}
"""By the names that ``openmolmo download`` takes. PixMo-Docs holds its pictures; PixMo-Clocks has none."""
