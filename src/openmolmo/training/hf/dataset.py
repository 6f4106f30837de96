"""Examples as a data set of torch, and its items as a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from openmolmo.core.errors import DataError
from openmolmo.core.rng import derive
from openmolmo.data.collate import collate
from openmolmo.data.sources.base import Source
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.sequence import Tokens
from openmolmo.records.example import Example

__all__ = ["TrainingSet", "collate_tokens"]


class TrainingSet(Dataset[Tokens]):
    """Every usable annotation of each example, in wording that is drawn anew in each epoch.

    ``examples`` is a list or any :class:`~openmolmo.data.sources.base.Source`. The draws depend on ``seed``, epoch
    and index only, so that a resumed run sees what it would have seen. ``max_length`` cuts longer sequences.
    """

    def __init__(
        self,
        examples: Sequence[Example] | Source,
        processor: Processor,
        *,
        seed: int = 0,
        max_length: int | None = None,
    ) -> None:
        self.examples, self.processor, self.seed, self.max_length = examples, processor, seed, max_length
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Tokens:
        """Raises as :meth:`~openmolmo.prompting.processor.Processor.train` does."""
        rng = derive(self.seed, self.epoch, index, "training set")
        return self.processor.train(self.examples[index], rng, max_length=self.max_length)

    def set_epoch(self, epoch: int) -> None:
        """Called by the loops at the start of each epoch."""
        self.epoch = epoch


def collate_tokens(items: Sequence[Tokens]) -> dict[str, Tensor]:
    """One example a row; :func:`openmolmo.data.collate` says what comes back.

    Raises DataError for items that are no :class:`~openmolmo.prompting.sequence.Tokens`.
    """
    for item in items:
        if not isinstance(item, Tokens):
            raise DataError(
                f"an item to collate is {_described(item)}, expected the Tokens of a processor",
                fix="give a TrainingSet; for rows of a table, look the example up in data_collator by a column, "
                "and set remove_unused_columns=False, so that the column stays",
            )
    return collate([[item] for item in items])


def _described(item: Any) -> str:
    return f"a row with the keys {sorted(map(str, item))}" if isinstance(item, Mapping) else f"a {type(item).__name__}"
