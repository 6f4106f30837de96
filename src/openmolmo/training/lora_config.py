"""Settings of fine-tuning by low-rank adapters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError

__all__ = ["LoraConfig"]


@dataclass(frozen=True, kw_only=True)
class LoraConfig(Config):
    """Low-rank adapters beside frozen weights (LoRA, arXiv 2106.09685).

    An adapter adds ``alpha / rank`` x B x A to the matrix of a linear layer; ``dropout`` is that of its input.
    ``targets`` are the layers that get one: those of the language model's ``attention`` and ``mlp``, of the
    ``connector``, of the ``encoder``. With ``connector`` the connector is trained whole instead, and the special
    tokens' rows with it (which PEFT has no place for: that adapter is whole only in ``final/`` itself).
    ``quantize`` rounds the frozen matrices of the language model to 8 or 4 bits while training (QLoRA, arXiv
    2305.14314; needs torchao); the finished adapters are added to the weights as they were before.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[Literal["attention", "mlp", "connector", "encoder"], ...] = ("attention", "mlp")
    connector: bool = False
    quantize: Literal["none", "int8", "nf4"] = "none"

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha <= 0 or not 0 <= self.dropout < 1:
            raise ConfigError(
                f"lora: rank={self.rank} must be at least 1, alpha={self.alpha} above 0, "
                f"dropout={self.dropout} at least 0 and below 1"
            )
        if not self.targets:
            raise ConfigError("lora.targets is empty: nothing would get an adapter", fix="e.g. lora.targets=attention")
        if self.connector and "connector" in self.targets:
            raise ConfigError(
                "lora.connector=true trains the connector whole, and lora.targets gives it adapters", fix="choose one"
            )
