"""Mixtures for fine-tuning: the released one, by its rule, and the paper's final table, by its numbers.

    released(root=Path("copies"))     groups, and within a group the square root of each set's size
    paper(root=Path("copies"))        each set's share as in the table (arXiv 2409.17146, appendix)

Both are the same mixture told twice: the rule gives the table within its rounding. Sizes are those of the
released training sets, and for large synthetic sets those set by hand (Clocks 250k, PlotQA 20k, DVQA and
FigureQA 10k, Cap 50k), whatever part of a set exists on this machine.

``root`` holds one folder a set, named like its source (``root/pixmo_points``); pictures of the sets that
name them by URL are in ``root/images`` or where ``images`` says. A part that is not at hand is left out
with ``without=("android_control",)``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from openmolmo.core.errors import ConfigError, NotRegisteredError
from openmolmo.data.mixture import GroupConfig, MixtureConfig, SourceConfig

__all__ = ["PRESETS", "TABLE_ROWS", "mixture_rates", "mixture_table", "paper", "released"]


@dataclass(frozen=True)
class _Part:
    """One source of a mixture: the set, the size its share is computed from, and how it is read."""

    source: str
    size: int
    row: str
    how: Mapping[str, Any] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "-".join((self.source, *map(str, self.how.values())))


_DEMO = (
    _Part("pixmo_ask_model_anything", 71_172, "AskModelAnything"),
    _Part("pixmo_cap", 50_000, "Cap", kinds=("caption",)),
    _Part("pixmo_cap_qa", 162_855, "CapQA"),
    _Part("pixmo_point_explanations", 27_856, "PointQA (point explanations)"),
)
_AUXILIARY = (
    _Part("pixmo_clocks", 250_000, "Clocks"),
    _Part("pixmo_docs", 233_622, "Docs-Charts", {"config": "charts"}),
    _Part("pixmo_docs", 142_559, "Docs-Other", {"config": "other"}),
    _Part("pixmo_docs", 93_036, "Docs-Tables", {"config": "tables"}),
    _Part("pixmo_docs", 33_102, "Docs-Diagrams", {"config": "diagrams"}),
    _Part("tally_qa", 132_981, "TallyQA"),
    _Part("vqa2", 82_783, "VQA v2.0 (COCO 2014)"),
    _Part("android_control", 74_714, "AndroidControl"),
    _Part("a_okvqa", 17_056, "A-OKVQA", {"form": "multiple_choice"}),
    _Part("a_okvqa", 17_056, "A-OKVQA", {"form": "direct_answer"}),
    _Part("doc_vqa", 39_463, "DocVQA"),
    _Part("text_vqa", 34_602, "TextVQA"),
    # Equal totals of both kinds: each has half of the share of all 28,299 questions, sqrt(28,299) / 2.
    _Part("chart_qa", 7_075, "ChartQA", {"form": "human"}),
    _Part("chart_qa", 7_075, "ChartQA", {"form": "synthetic"}),
    _Part("st_vqa", 25_050, "ST-VQA"),
    _Part("info_vqa", 23_946, "InfographicVQA"),
    _Part("tabmwp", 23_059, "TabWMP"),
    _Part("plot_qa", 20_000, "PlotQA"),
    _Part("ai2d", 15_042, "AI2D"),
    _Part("dvqa", 10_000, "DVQA"),
    _Part("figure_qa", 10_000, "FigureQA"),
    _Part("ok_vqa", 9_009, "OK-VQA"),
    _Part("science_qa", 6_218, "ScienceQA"),
)
_POINTING = (
    _Part("pixmo_points", 309_216, "Points", {"form": "basic_pointing"}),
    _Part("pixmo_points", 309_216, "Points", {"form": "basic_counting"}),
    _Part("pixmo_points", 113_840, "Points", {"form": "high_frequency_pointing"}),
    _Part("pixmo_points", 113_840, "Points", {"form": "high_frequency_counting"}),
    _Part("pixmo_count", 36_916, "Count", {"form": "pointing"}),
    _Part("pixmo_count", 36_916, "Count", {"form": "counting"}),
)
_GROUPS = {"demo": (0.15, _DEMO), "auxiliary": (0.50, _AUXILIARY), "pointing": (0.35, _POINTING)}
_PARTS = (*_DEMO, *_AUXILIARY, *_POINTING)
_BY_URL = frozenset(part.source for part in _PARTS if part.source.startswith("pixmo_")) - {"pixmo_docs", "pixmo_clocks"}
_TEXT = _Part("tulu3", 93_934, "", {"fraction": 0.1})

TABLE_ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    row: (next(p.source for p in _PARTS if p.row == row), tuple(p.name for p in _PARTS if p.row == row))
    for row in dict.fromkeys(part.row for part in _PARTS)
}
"""Rows of the paper's table: the registered set behind each, and the names of its sources in the presets."""


def released(
    root: Path | None = None,
    *,
    images: Path | None = None,
    without: Sequence[str] = (),
    text_rate: float = 0.0,
) -> MixtureConfig:
    """Groups demo 0.15, auxiliary 0.50 and pointing 0.35; in a group by the square root of the size.

    Without ``root`` sets come from the hub. ``text_rate`` adds Tulu 3, a tenth of it, as a group of its own
    (the paper does not say at what rate; rates of all groups are scaled to sum to 1).
    """
    groups = [
        GroupConfig(rate=rate, name=name, sources=tuple(_source(part, root, images) for part in kept))
        for name, (rate, parts) in _GROUPS.items()
        if (kept := _without(parts, without))
    ]
    return MixtureConfig(groups=(*groups, *_text(text_rate, root)))


def paper(
    root: Path | None = None,
    *,
    images: Path | None = None,
    without: Sequence[str] = (),
    text_rate: float = 0.0,
) -> MixtureConfig:
    """Each set at the rate of the paper's table; a set's forms share it by the square root of their sizes."""
    table = mixture_table()
    groups = [
        GroupConfig(rate=table[row] / 100, name=row, sources=tuple(_source(part, root, images) for part in kept))
        for row in TABLE_ROWS
        if (kept := _without([part for part in _PARTS if part.row == row], without))
    ]
    return MixtureConfig(groups=(*groups, *_text(text_rate, root)))


PRESETS: dict[str, Callable[..., MixtureConfig]] = {"paper": paper, "released": released}


def mixture_table() -> dict[str, float]:
    """The paper's table: percent by row."""
    text = files("openmolmo.data").joinpath("sft_mixture.csv").read_text(encoding="utf-8")
    return {row["dataset"]: float(row["rate_percent"]) for row in csv.DictReader(text.splitlines())}


def mixture_rates(config: MixtureConfig) -> dict[str, float]:
    """Share of each source by its name, without opening any. Raises ConfigError where a size is not set."""
    total = sum(group.rate for group in config.groups)
    rates: dict[str, float] = {}
    for group in config.groups:
        sizes = []
        for source in group.sources:
            if source.rate_size is None:
                raise ConfigError(
                    f"{source.name or source.source} has no rate_size", fix="its size is not known unopened"
                )
            sizes.append(source.rate_size)
        roots = np.sqrt(np.asarray(sizes, np.float64))
        names = [source.name or source.source for source in group.sources]
        rates |= dict(zip(names, (group.rate / total * roots / roots.sum()).tolist(), strict=True))
    return rates


def _source(part: _Part, root: Path | None, images: Path | None) -> SourceConfig:
    options: dict[str, Any] = {**part.how, "split": "train"}
    if root is not None:
        options["path"] = str(root / part.source)
    store = images or (None if root is None else root / "images")
    if part.source in _BY_URL and store is not None:
        options["images"] = str(store)
    return SourceConfig(source=part.source, name=part.name, options=options, rate_size=part.size, kinds=part.kinds)


def _without(parts: Sequence[_Part], without: Sequence[str]) -> list[_Part]:
    known = {name for part in _PARTS for name in (part.source, part.name)}
    for name in without:
        if name not in known:
            raise NotRegisteredError(f"the mixture has no set {name!r}", fix=f"it has: {', '.join(sorted(known))}")
    return [part for part in parts if part.source not in without and part.name not in without]


def _text(rate: float, root: Path | None) -> tuple[GroupConfig, ...]:
    if rate < 0:
        raise ConfigError(f"text_rate={rate} must not be negative")
    return (GroupConfig(rate=rate, name="text", sources=(_source(_TEXT, root, None),)),) if rate else ()
