"""Token embeddings: the language model's own table, and extra rows for the special tokens.

The two are separate parameters because they are trained differently: in the released recipe the
base table is frozen and the extra rows learn with the connector (arXiv 2409.17146, appendix).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ExtendedEmbedding"]


class ExtendedEmbedding(nn.Module):
    """Ids below the base vocabulary read ``base``, the next ``extra_rows`` ids read ``extra``."""

    def __init__(self, base: nn.Embedding, extra_rows: int) -> None:
        super().__init__()
        self.base = base
        self.extra = nn.Parameter(torch.empty(extra_rows, base.embedding_dim))

    @property
    def num_embeddings(self) -> int:
        """Rows of both tables together."""
        return self.base.num_embeddings + self.extra.shape[0]

    @property
    def weight(self) -> Tensor:
        """The base table, under the name that the library's tools look for."""
        return self.base.weight

    def forward(self, ids: Tensor) -> Tensor:
        """(...) int64 -> (..., D)."""
        vocabulary = self.base.num_embeddings
        # Two look-ups instead of one in a joined table: joining would copy the whole table at every step.
        base: Tensor = self.base(ids.clamp(max=vocabulary - 1))
        if self.extra.shape[0] == 0:
            return base
        extra = F.embedding((ids - vocabulary).clamp(min=0), self.extra)
        return torch.where((ids >= vocabulary).unsqueeze(-1), extra, base)
