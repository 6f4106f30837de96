"""Does caption F1 foretell the average of the eleven benchmarks? Both numbers of many models, and how they go together.

Models come from result files, from a table of one's own, and from the published ablations.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from openmolmo.core.errors import DataError
from openmolmo.evaluation.comparing.result_file import read_result_file
from openmolmo.evaluation.published.tables import BENCHMARKS, ablations

__all__ = ["Correlation", "Pair", "correlate", "pairs_of_files", "pairs_of_table", "published_pairs"]

_OTHER = "pre-training data"
_CAPTIONS = ("captions", "dense_caption", "caption_f1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One model: caption F1 and the average of the eleven, both in percent."""

    model: str
    caption_f1: float
    average: float


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Pearson's r over ``models``, with its 95 % interval by Fisher's transformation."""

    models: int
    r: float
    low: float
    high: float


def correlate(pairs: Sequence[Pair]) -> Correlation:
    """Raises DataError for fewer than four models, or where one of the two numbers is the same for all."""
    if len(pairs) < 4:
        raise DataError(
            f"a correlation with an interval needs 4 models, there are {len(pairs)} with both numbers",
            fix="add result files, or --published",
        )
    one = np.array([pair.caption_f1 for pair in pairs])
    other = np.array([pair.average for pair in pairs])
    if not one.std() or not other.std():
        raise DataError("all models have the same number, so nothing goes together with anything")
    r = float(np.clip(np.corrcoef(one, other)[0, 1], -1, 1))
    reach = NormalDist().inv_cdf(0.975) / math.sqrt(len(pairs) - 3)
    middle = math.atanh(min(max(r, -1 + 1e-12), 1 - 1e-12))
    return Correlation(models=len(pairs), r=r, low=math.tanh(middle - reach), high=math.tanh(middle + reach))


def published_pairs(*, other_captions: bool = False) -> list[Pair]:
    """The ablations of the paper that have both numbers, the baseline once.

    Those of the pre-training data learn captions of another kind (of other sets, or transcripts as they were spoken),
    whose F1 says little of the rest: they are left out unless ``other_captions``.
    """
    found: dict[tuple[float, float, str], Pair] = {}
    for row in ablations():
        if row.topic == _OTHER and not (other_captions or row.baseline):
            continue
        if row.caption_f1 is not None and row.average is not None:
            name = "baseline" if row.baseline else f"{row.topic}: {row.setting}"
            pair = Pair(model=name, caption_f1=row.caption_f1, average=row.average)
            found.setdefault((pair.caption_f1, pair.average, name), pair)
    return list(found.values())


def pairs_of_files(paths: Iterable[Path]) -> tuple[list[Pair], list[str]]:
    """(models with both numbers, what is missing of others); the files of one model are taken together."""
    captions: dict[str, float] = {}
    scores: dict[str, dict[str, float]] = {}
    for path in paths:
        file = read_result_file(path)
        for name, task in file.tasks.items():
            if name in _CAPTIONS:
                captions[file.model] = 100 * task.mean()
            elif name in BENCHMARKS:
                scores.setdefault(file.model, {})[name] = 100 * task.mean()
    pairs, notes = [], []
    for model in dict.fromkeys([*captions, *scores]):
        missing = [name for name in BENCHMARKS if name not in scores.get(model, {})]
        if model in captions and not missing:
            average = sum(scores[model].values()) / len(BENCHMARKS)
            pairs.append(Pair(model=model, caption_f1=captions[model], average=average))
            continue
        lacking = [*([] if model in captions else ["captions"]), *missing]
        notes.append(f"{model} is left out: no result for {', '.join(lacking)}")
    return pairs, notes


def pairs_of_table(path: Path) -> list[Pair]:
    """The rows of a CSV with ``model``, ``caption_f1`` and ``average`` in percent."""
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from error
    found = []
    for number, row in enumerate(rows, 2):
        try:
            values = float(row["caption_f1"]), float(row["average"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                "has no numbers caption_f1 and average", file=str(path), row=number, fix="give columns of these names"
            ) from error
        if not all(map(math.isfinite, values)):
            raise DataError(f"has {values[0]} and {values[1]}, which are no numbers", file=str(path), row=number)
        found.append(Pair(model=row.get("model") or f"row {number}", caption_f1=values[0], average=values[1]))
    return found
