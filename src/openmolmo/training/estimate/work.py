"""How many floating-point operations an example or a batch takes: those that the result needs, none done twice.

A multiplication and an addition are two. A matrix costs as much again in the backward pass for the gradient of
its input, and once more for its own where it is trained. What is small beside matrices is left out: norms,
activations, embeddings, adapters' additions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from openmolmo.imaging import CropConfig, make_plan
from openmolmo.model.components import PARTS, part_of
from openmolmo.model.config import MolmoConfig
from openmolmo.model.molmo import Molmo

__all__ = ["Load", "Work", "full_row", "most_image_tokens"]


@dataclass(frozen=True, slots=True)
class Load:
    """What is computed on: ``pairs`` are pairs of tokens that attend, ``learnt`` tokens with loss."""

    tokens: float
    pairs: float
    crops: float
    image_tokens: float
    learnt: float


class Work:
    """Operations of one model.

    What is trained are its parameters with a gradient, without those named in ``frozen``, and ``added`` ones by part.
    """

    def __init__(self, model: Molmo, frozen: Collection[str] = (), added: Mapping[str, float] | None = None) -> None:
        config: MolmoConfig = model.config
        self._count(model, frozen, added or {})
        self._attention(config)
        reached, self.factors = False, {}
        for part in PARTS:
            every, trained = self._every[part], self._trained[part]
            reached = reached or trained > 0
            self.factors[part] = 1.0 + reached + (trained / every if every else 0.0)

    def forward(self, load: Load) -> dict[str, float]:
        """Operations of the forward pass by part."""
        patches = load.crops * self._patches
        encoder = 2 * patches * self._encoder + load.crops * self._crop_attention
        connector = 2 * load.image_tokens * self._connector
        llm = 2 * load.tokens * self._decoder + load.pairs * self._pair + 2 * load.learnt * self._head
        return {"encoder": encoder, "connector": connector, "llm": llm}

    def step(self, load: Load) -> dict[str, float]:
        """Operations of forward and backward pass by part."""
        return {part: value * self.factors[part] for part, value in self.forward(load).items()}

    def total(self, load: Load) -> float:
        """Operations of forward and backward pass."""
        return sum(self.step(load).values())

    def _count(self, model: Molmo, frozen: Collection[str], added: Mapping[str, float]) -> None:
        text: Any = model.config.text_config
        share = getattr(text, "num_experts_per_tok", 1) / getattr(text, "num_experts", 1)
        self._encoder = self._connector = self._decoder = 0.0
        self._every = dict.fromkeys(PARTS, 0.0)
        self._trained = {part: added.get(part, 0.0) for part in PARTS}
        window = model.config.patches_per_token
        for name, parameter in model.named_parameters():
            if parameter.ndim < 2 or "embedding" in name or ".lora_" in name:
                if ".lora_" in name:
                    self._trained[part_of(name)] += parameter.numel()
                continue
            size = float(parameter.numel())
            part = part_of(name)
            if part == "encoder":
                self._encoder += size
            elif part == "connector":
                self._connector += size * (window if ".k_proj" in name or ".v_proj" in name else 1)
            elif name != "lm_head.weight":
                self._decoder += size * (share if ".experts." in name else 1)
            self._every[part] += size
            self._trained[part] += 0 if name in frozen or not parameter.requires_grad else size
        self._head = float(text.vocab_size * text.hidden_size)

    def _attention(self, config: MolmoConfig) -> None:
        vision, text = config.vision_config, config.text_config
        self._patches = (vision.image_size // vision.patch_size) ** 2
        blocks = config.last_feature_layer + 1
        self._crop_attention = 4.0 * self._patches**2 * vision.hidden_size * blocks
        width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        self._pair = 4.0 * text.num_attention_heads * width * text.num_hidden_layers


def most_image_tokens(crop: CropConfig) -> tuple[int, int]:
    """Tokens of the picture with most of them: those that carry a feature, and all with their marks."""
    plans = [
        make_plan(crop.stride * columns + crop.margin_pixels, crop.stride * rows + crop.margin_pixels, crop)
        for rows in range(1, crop.max_crops + 1)
        for columns in range(1, crop.max_crops // rows + 1)
    ]
    plan = max(plans, key=lambda plan: plan.n_sequence_tokens)
    return plan.n_tokens, plan.n_sequence_tokens


def full_row(crop: CropConfig, row_length: int) -> Load:
    """One row of one example: the picture with most tokens, and text up to the row's end, all of it learnt."""
    carrying, together = most_image_tokens(crop)
    together = min(together, row_length)
    return Load(
        tokens=row_length,
        pairs=row_length**2 / 2,
        crops=1 + crop.max_crops,
        image_tokens=min(carrying, row_length),
        learnt=max(row_length - together, row_length // 10),
    )
