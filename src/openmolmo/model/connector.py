"""From patch features to image tokens: padding embedding, window pooling, projector.

Letters: N crops, P patches of a crop, F width of a patch feature, M image tokens, W patches of a
window (4), H heads, E width of a head, D width of the language model.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Connector"]


class Connector(nn.Module):
    """Pools windows of patches and maps them into the language model's space (arXiv 2409.17146, section 2)."""

    def __init__(self, config: Any, features: int) -> None:
        super().__init__()
        self.padding = PaddingEmbedding(features) if config.padding_embedding else None
        self.pool: AttentionPool | StackPool | MeanPool
        if config.pooling == "attention":
            self.pool = AttentionPool(features, config.pooling_heads, config.pooling_head_dim)
        elif config.pooling == "stack":
            self.pool = StackPool(features, config.patches_per_token)
        else:
            self.pool = MeanPool(features)
        self.norm = config.feature_norm
        self.projector = Projector(self.pool.width, config.projector_hidden, config.text_config.hidden_size)

    def forward(self, features: Tensor, patch_mask: Tensor | None, pooled_patches: Tensor) -> Tensor:
        """(N, P, F) features, (N, P) mask, (M, W) indices into N*P or -1 -> (M, D).

        ``patch_mask`` holds the share of real pixels of each patch: 0 is padding, below 1 is partly
        padding (so is -1, the filler of the released models); None means no padding.
        """
        if self.padding is not None and patch_mask is not None:
            features = self.padding(features, patch_mask)
        windows = gather_windows(features.flatten(0, 1), pooled_patches)
        projected: Tensor = self.projector(self.pool(windows))
        return F.rms_norm(projected, projected.shape[-1:]) if self.norm else projected


def gather_windows(patches: Tensor, indices: Tensor) -> Tensor:
    """(N*P, F), (M, W) -> (M, W, F). Index -1 gives a zero vector: the padding of odd patch grids,
    which comes after the padding embedding and takes part in the pooling."""
    flat = indices.reshape(-1)
    windows = patches.index_select(0, flat.clamp(min=0))
    windows = windows.masked_fill((flat < 0).unsqueeze(1), 0.0)
    return windows.view(*indices.shape, patches.shape[-1])


class PaddingEmbedding(nn.Module):
    """Adds a learned vector to patches that are all padding (row 0) or partly padding (row 1)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, features))

    def forward(self, features: Tensor, patch_mask: Tensor) -> Tensor:
        """(N, P, F), (N, P) -> (N, P, F)."""
        whole = patch_mask == 0
        partial = (patch_mask < 1) & ~whole
        rows = torch.stack((whole, partial), dim=-1).to(features.dtype)
        return features + rows @ self.weight.to(features.dtype)


class AttentionPool(nn.Module):
    """Multi-head attention over one window; the query is the mean of its patches."""

    def __init__(self, features: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.width = heads * head_dim
        self.q_proj = nn.Linear(features, self.width)
        self.k_proj = nn.Linear(features, self.width)
        self.v_proj = nn.Linear(features, self.width)
        self.o_proj = nn.Linear(self.width, self.width)

    def forward(self, windows: Tensor) -> Tensor:
        """(M, W, F) -> (M, H*E)."""
        tokens, patches, _ = windows.shape
        query = self.q_proj(windows.mean(dim=1)).view(tokens, 1, self.heads, -1)
        key = self.k_proj(windows).view(tokens, patches, self.heads, -1)
        value = self.v_proj(windows).view(tokens, patches, self.heads, -1)
        # Four keys a query: sums of products beat a batched attention kernel here.
        scores = (query * key).sum(dim=-1) * key.shape[-1] ** -0.5
        weights = scores.softmax(dim=1, dtype=torch.float32).to(value.dtype)
        pooled = (weights.unsqueeze(-1) * value).sum(dim=1)
        projected: Tensor = self.o_proj(pooled.flatten(1))
        return projected


class StackPool(nn.Module):
    """The patches of a window side by side: the paper's ablation without attention."""

    def __init__(self, features: int, patches: int) -> None:
        super().__init__()
        self.width = features * patches

    def forward(self, windows: Tensor) -> Tensor:
        """(M, W, F) -> (M, W*F)."""
        return windows.flatten(1)


class MeanPool(nn.Module):
    """The mean of a window's patches: what pooling without any weights can do."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = features

    def forward(self, windows: Tensor) -> Tensor:
        """(M, W, F) -> (M, F)."""
        return windows.mean(dim=1)


class Projector(nn.Module):
    """SwiGLU without bias: down(silu(gate(x)) * up(x))."""

    def __init__(self, width: int, hidden: int, out: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(M, H*E) -> (M, D)."""
        projected: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return projected
