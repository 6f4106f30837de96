"""Settings of what points teach beside the words of a reply."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError

__all__ = ["GroundingConfig", "require_heads"]


@dataclass(frozen=True, kw_only=True)
class GroundingConfig(Config):
    """Points say where to look: supervised attention, and places that can be read (``openmolmo.training.grounding``).

    ``heads`` of the language model's layer number ``layer`` (both from 0) are to look at the image tokens that show a
    point: from the last token of its name in the question, and while its coordinates are written; and in the layer
    behind, from there to that name. The other weights are of linear readers, used in training only: ``places`` of the
    place of every image token, read off what comes into the layer; ``digits`` of the whole percents of a point, read
    off the image tokens that show it there, off its name behind the layer, and off the tokens that are about to write
    it before the last layer. Weights are those of mean losses in nats beside the step's loss; 0 leaves one out.
    ``lr`` is the rate of the readers (Adam).

    It is for small language models from random weights: large ones find all of this by themselves.
    """

    layer: int = 2
    heads: tuple[int, ...] = (0, 2)
    attention: float = 0.5
    places: float = 0.2
    digits: float = 0.25
    lr: float = 2e-3

    def __post_init__(self) -> None:
        require_heads("grounding: ", self.layer, self.heads)
        weights = (self.attention, self.places, self.digits)
        if not (all(0 <= weight < math.inf for weight in weights) and any(weights) and 0 < self.lr < math.inf):
            raise ConfigError(
                f"grounding: attention={self.attention}, places={self.places} and digits={self.digits} must not be "
                f"negative, and not all 0; lr={self.lr} must be above 0",
                fix="set grounding=none to do without",
            )


def require_heads(where: str, layer: int, heads: tuple[int, ...]) -> None:
    """Raise ConfigError for a layer or heads that no model can have."""
    if layer < 0 or not heads or min(heads) < 0 or len(set(heads)) < len(heads):
        raise ConfigError(
            f"{where}layer={layer} must be at least 0, and heads={','.join(map(str, heads)) or 'none'} different "
            "numbers from 0, at least one"
        )
