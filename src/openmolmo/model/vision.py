"""The vision encoder: pixels of all crops of a batch -> features of every patch.

Letters: N crops, S side of a crop in pixels, P patches of a crop, W width of a feature.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmolmo.model.activation import use_fast_activations
from openmolmo.model.encoders import find_encoder

__all__ = ["VisionEncoder", "sines_and_cosines"]


def sines_and_cosines(places: int, width: int) -> Tensor:
    """(places, width) for a square grid: a quarter each of sine and cosine of column and of row, from half a wave
    across the grid to one wave in four patches."""
    side = math.isqrt(places)
    assert side * side == places and width % 4 == 0
    waves = torch.logspace(math.log10(0.5), math.log10(side / 4), width // 4)
    at = (torch.arange(side) + 0.5) / side
    angles = 2 * math.pi * at.unsqueeze(1) * waves
    line = torch.cat((angles.sin(), angles.cos()), dim=1)
    column = line.repeat(side, 1)
    row = line.repeat_interleave(side, dim=0)
    return torch.cat((column, row), dim=1)


class VisionEncoder(nn.Module):
    """A library backbone whose chosen block outputs are concatenated for each patch.

    No norm after the last block (but see ``MolmoConfig.feature_norm``); blocks after the last chosen one do
    not exist (arXiv 2409.17146, appendix).
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self._kind = config.vision_config.model_type
        self._spec = find_encoder(self._kind)
        self.feature_layers = config.resolved_feature_layers
        self.feature_norm = config.feature_norm
        self.width = len(self.feature_layers) * config.vision_config.hidden_size
        self.backbone = self._spec.build(config.vision_config, config.last_feature_layer + 1)
        use_fast_activations(self.blocks)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_spec"}  # functions: found by name

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]  # the library's
        self._spec = find_encoder(self._kind)

    @property
    def blocks(self) -> nn.ModuleList:
        """The backbone's blocks, first to last."""
        return self._spec.blocks(self.backbone)

    @torch.no_grad()
    def start_positions(self, rms: float) -> None:
        """Start the position embedding as sines and cosines of row and column, of root mean square ``rms``."""
        table = self._spec.positions(self.backbone)
        if table.is_meta:  # it has no memory to write to, and trying imports a computer algebra
            return
        grid = sines_and_cosines(table.shape[0] - self._spec.leading_tokens, table.shape[1])
        table[self._spec.leading_tokens :] = grid.to(table) * (rms * 2**0.5)

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 3, S, S) normalised pixels -> (N, P, W), features in the order of ``feature_layers``."""
        hidden = self._spec.embed(self.backbone, crops)
        found: dict[int, Tensor] = {}
        for index, block in enumerate(self.blocks):
            hidden = self._spec.run(block, hidden)
            if index in self.feature_layers:
                patches = hidden[:, self._spec.leading_tokens :]
                found[index] = F.layer_norm(patches, patches.shape[-1:]) if self.feature_norm else patches
        return torch.cat([found[layer] for layer in self.feature_layers], dim=-1)
