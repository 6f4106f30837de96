"""How the next token of a reply is chosen, and what is told of a token that was."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openmolmo.core.errors import ConfigError

__all__ = ["Choosing", "TokenLogprob"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """How the next token is chosen, in the words of OpenAI's API and of vLLM's extras.

    ``temperature`` 0 is greedy. ``top_k`` 0: all. ``repetition_penalty`` 1, ``presence_penalty`` and
    ``frequency_penalty`` 0: none. ``logprobs``: how many alternatives are told of each token; None: none is told.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int = 0
    logprobs: int | None = None
    stop_token_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        checks = (
            ("temperature", 0 <= self.temperature < math.inf, "0 (greedy) or more, and finite"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("top_k", self.top_k >= 0, "0 (all) or more"),
            ("min_p", 0 <= self.min_p <= 1, "from 0 to 1"),
            ("repetition_penalty", 0 < self.repetition_penalty < math.inf, "above 0 and finite"),
            ("presence_penalty", math.isfinite(self.presence_penalty), "a finite number"),
            ("frequency_penalty", math.isfinite(self.frequency_penalty), "a finite number"),
            ("logprobs", self.logprobs is None or self.logprobs >= 0, "0 or more"),
        )
        for name, right, rule in checks:
            if not right:
                raise ConfigError(f"{name}={getattr(self, name)} must be {rule}")


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token that was chosen, its text, its natural log-probability, and those of the likeliest ones."""

    token: int
    text: str
    logprob: float
    top: tuple[tuple[int, str, float], ...] = ()
