"""Residual dropout inside a library decoder, on chosen tokens only.

In caption pre-training only the tokens with a loss are dropped out, so that the model has to look at
the picture rather than continue its own text (arXiv 2409.17146, section 4). The library's layers know
nothing of that, so each layer's ``forward`` is replaced by one of two short templates. The layer's
class becomes a subclass of itself: parameters, names and hooks stay.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmolmo.core.errors import ConfigError
from openmolmo.model.mixins import with_mixin

__all__ = ["TEMPLATES", "ResidualDropout", "add_residual_dropout"]


class ResidualDropout(NamedTuple):
    """Probability, and the tokens it touches: (B, T, 1) bool, or None for all."""

    p: float
    tokens: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Drop elements of (B, T, D), scaling the rest by 1 / (1 - p)."""
        dropped = F.dropout(x, self.p)
        return dropped if self.tokens is None else torch.where(self.tokens, dropped, x)


class NormBefore:
    """Layers that normalise what goes into attention and MLP (Llama, Qwen, OLMoE)."""

    def forward(
        self: Any, hidden_states: Tensor, *, residual_dropout: ResidualDropout | None = None, **kwargs: Any
    ) -> Tensor:
        """The library layer's forward pass, with dropout where a sub-layer joins the residual."""
        drop = residual_dropout or _keep
        x = hidden_states
        attended, _ = self.self_attn(hidden_states=self.input_layernorm(x), **kwargs)
        x = x + drop(attended)
        return x + drop(self.mlp(self.post_attention_layernorm(x)))


class NormAfter:
    """Layers that normalise what comes out of attention and MLP (OLMo 2 and 3)."""

    def forward(
        self: Any, hidden_states: Tensor, *, residual_dropout: ResidualDropout | None = None, **kwargs: Any
    ) -> Tensor:
        """The library layer's forward pass, with dropout where a sub-layer joins the residual."""
        drop = residual_dropout or _keep
        x = hidden_states
        attended, _ = self.self_attn(hidden_states=x, **kwargs)
        x = x + drop(self.post_attention_layernorm(attended))
        return x + drop(self.post_feedforward_layernorm(self.mlp(x)))


#: Which template fits an architecture (``text_config.model_type``). A new row needs a parity test.
TEMPLATES: dict[str, type] = {
    "llama": NormBefore,
    "olmo2": NormAfter,
    "olmo3": NormAfter,
    "olmoe": NormBefore,
    "qwen2": NormBefore,
    "qwen3": NormBefore,
    "smollm3": NormBefore,
}


def add_residual_dropout(layers: nn.ModuleList, model_type: str) -> None:
    """Let every layer take the keyword ``residual_dropout``.

    Raises:
        ConfigError: for an architecture without a template.
    """
    template = TEMPLATES.get(model_type)
    if template is None:
        raise ConfigError(
            f"no residual dropout is known for the language model {model_type!r} (known: {', '.join(TEMPLATES)})",
            fix="set residual_dropout=0, or add a row to openmolmo.model.dropout.TEMPLATES and a parity test",
        )
    for layer in layers:
        layer.__class__ = with_mixin(type(layer), template)  # type: ignore[arg-type]


def _keep(x: Tensor) -> Tensor:
    return x
