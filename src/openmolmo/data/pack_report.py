"""How full rows become: lengths of a mixture's examples, and what each way of packing makes of them.

Lengths are measured, packing is simulated: the stream's own packer is given examples drawn from those
measured until it has closed many rows, so that what happens to be open at the start and the end does not count.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from openmolmo.core.errors import DataError, ImageError, PromptError
from openmolmo.core.rng import derive
from openmolmo.data.mixture import Mixture
from openmolmo.data.packing import Packer
from openmolmo.prompting.sequence import Tokens
from openmolmo.records.example import Example

__all__ = ["Lengths", "Packing", "RowsMade", "measure_lengths", "pack"]

DRAWS = 6000
"""Examples of a simulation: at five to a row over a thousand rows, in about a second."""


class LengthProcessor(Protocol):
    """The part of a Processor that measuring needs."""

    def train(
        self, example: Example, rng: np.random.Generator, *, max_length: int | None = None, pixels: bool = True
    ) -> Tokens: ...
    def train_parts(
        self, example: Example, rng: np.random.Generator, *, max_length: int, pixels: bool = True
    ) -> list[Tokens]: ...


@dataclass(frozen=True, slots=True)
class Packing:
    """One way to make rows. ``open_rows`` 0: ``row_examples`` a row; ``rows`` of them are padded to the longest."""

    row_length: int
    open_rows: int
    rows: int
    split: bool = False
    row_examples: int = 1


@dataclass(slots=True)
class Lengths:
    """Tokens of the examples that were measured.

    ``whole`` has one number an example, ``prefix`` how many of them are the picture's, ``branches`` how many
    annotations; ``cut[L]`` and ``parts[L]`` what rows of L tokens leave of each: its length when it is cut, and
    those of its parts when it is split; 0 and none where it cannot be used. ``learnt`` counts the tokens with loss,
    ``kept[L]`` those that are left when cut and when split. ``unreadable`` could not be made at all.
    """

    whole: list[int] = field(default_factory=list)
    prefix: list[int] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    learnt: list[int] = field(default_factory=list)
    cut: dict[int, list[int]] = field(default_factory=dict)
    parts: dict[int, list[list[int]]] = field(default_factory=dict)
    kept: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    unreadable: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Figures of the lengths as JSON values."""
        whole = np.array(self.whole)
        return {
            "examples": len(self.whole),
            "unreadable": self.unreadable,
            "tokens_mean": round(float(whole.mean()), 1),
            "tokens_median": round(float(np.median(whole)), 1),
            "tokens_90_percent": round(float(np.quantile(whole, 0.9)), 1),
            "tokens_most": int(whole.max()),
            "image_share": round(sum(self.prefix) / int(whole.sum()), 4),
            "supervised_share": round(sum(self.learnt) / int(whole.sum()), 4),
            "annotations_mean": round(float(np.mean(self.branches)), 2),
            "annotations_most": max(self.branches),
        }


@dataclass(frozen=True, slots=True)
class RowsMade:
    """What a way of packing comes to.

    ``utilisation`` is real tokens by tokens with padding; ``too_long`` examples do not fit a row whole: of
    these ``unusable`` cannot even be cut or split. ``lost`` is the share of tokens with loss that is left out so.
    """

    packing: Packing
    utilisation: float
    examples_per_row: float
    rows_per_1000: float
    too_long: int
    unusable: int
    lost: float

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        way = self.packing
        return {
            "row_length": way.row_length,
            "packing": way.open_rows > 0,
            "split": way.split,
            "open_rows": way.open_rows,
            "rows": way.rows,
            "row_examples": way.row_examples,
            "utilisation": round(self.utilisation, 4),
            "padding": round(1 - self.utilisation, 4),
            "examples_per_row": round(self.examples_per_row, 2),
            "rows_per_1000_examples": round(self.rows_per_1000, 1),
            "too_long": self.too_long,
            "unusable": self.unusable,
            "lost": round(self.lost, 4),
        }


def measure_lengths(mixture: Mixture, processor: LengthProcessor, count: int, row_lengths: Sequence[int]) -> Lengths:
    """Lengths of the mixture's first ``count`` examples. Raises DataError where none of them can be used."""
    found = Lengths()
    for table in (found.cut, found.parts, found.kept):
        table.update({length: [] for length in row_lengths})
    why: Exception | None = None
    for position in range(count):
        try:
            example, rng = mixture.example(mixture.place(position))
            tokens = processor.train(example, copy.deepcopy(rng), pixels=False)
        except (DataError, ImageError, PromptError, OSError) as error:
            found.unreadable, why = found.unreadable + 1, error
            continue
        found.whole.append(len(tokens))
        found.prefix.append(int((tokens.branch_ids == 0).sum()))
        found.branches.append(int(tokens.branch_ids.max()))
        found.learnt.append(_learnt([tokens]))
        for limit in row_lengths:
            cut, parts = _fit(processor, example, rng, tokens, limit)
            found.cut[limit].append(sum(map(len, cut)))
            found.parts[limit].append([len(part) for part in parts])
            found.kept[limit].append((_learnt(cut), _learnt(parts)))
    if not found.whole:
        raise DataError(f"none of {count} examples can be used; the last one: {why}", fix="openmolmo data check PATH")
    return found


def _fit(
    processor: LengthProcessor, example: Example, rng: np.random.Generator, whole: Tokens, limit: int
) -> tuple[list[Tokens], list[Tokens]]:
    """What a row of ``limit`` tokens takes of an example when it is cut (one sequence), and when it is split."""
    if len(whole) <= limit:
        return [whole], [whole]
    try:
        cut = processor.train(example, copy.deepcopy(rng), max_length=limit, pixels=False)
        parts = processor.train_parts(example, copy.deepcopy(rng), max_length=limit, pixels=False)
    except PromptError:
        return [], []
    return [cut], parts


def _learnt(sequences: Sequence[Tokens]) -> int:
    return sum(int((tokens.loss_weights > 0).sum()) for tokens in sequences)


def pack(lengths: Lengths, packing: Packing, *, draws: int = DRAWS) -> RowsMade:
    """Simulate one way of packing. Raises DataError where no example fits a row."""
    limit = packing.row_length
    cut = lengths.cut[limit]
    pieces = lengths.parts[limit] if packing.split else [[length] if length else [] for length in cut]
    usable = [one for one in pieces if one]
    if not usable:
        raise DataError(f"no example fits a row of {limit} tokens", fix="give longer rows, or fewer crops")
    order = derive(0, "pack-report").integers(len(usable), size=draws)
    used, examples = _rows([usable[i] for i in order], packing)
    batches = [used[i : i + packing.rows] for i in range(0, len(used) - packing.rows + 1, packing.rows)] or [used]
    padded = sum(max(batch) * len(batch) for batch in batches)
    kept = sum(numbers[packing.split] for numbers in lengths.kept[limit])
    return RowsMade(
        packing=packing,
        utilisation=sum(map(sum, batches)) / padded,
        examples_per_row=examples / len(used),
        rows_per_1000=1000 * len(used) / examples,
        too_long=sum(length > limit for length in lengths.whole),
        unusable=len(pieces) - len(usable),
        lost=1 - kept / sum(lengths.learnt),
    )


def _rows(examples: Sequence[Sequence[int]], packing: Packing) -> tuple[list[int], float]:
    """Tokens used of each closed row, and how many examples went into them (parts count as fractions)."""
    if not packing.open_rows:
        lengths, joined = [length for parts in examples for length in parts], packing.row_examples
        return [sum(lengths[i : i + joined]) for i in range(0, len(lengths), joined)], len(examples)
    packer: Packer[float] = Packer(packing.row_length, packing.open_rows)
    closed = [
        row
        for position, parts in enumerate(examples)
        for length in parts
        for row in packer.add(1 / len(parts), position, length)
    ]
    closed = closed or list(packer.open)
    return [row.used for row in closed], sum(sum(row.items) for row in closed)
