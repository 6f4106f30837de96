"""Learning rate over time: linear warm-up, then cosine decay to a fraction of the peak."""

from __future__ import annotations

import math

__all__ = ["rate_factor"]


def rate_factor(step: int, *, steps: int, warmup: int, final_fraction: float, delay: int = 0) -> float:
    """Factor on the peak learning rate at ``step`` (1 for the first, ``steps`` for the last).

    Stays 0 for ``delay`` steps, rises linearly to 1 over the next ``warmup`` steps, then falls along
    half a cosine to ``final_fraction`` at the last step.
    """
    step, steps = step - delay, steps - delay
    if step <= 0:
        return 0.0
    if step <= warmup:
        return step / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return final_fraction + (1 - final_fraction) * (1 + math.cos(math.pi * min(1.0, progress))) / 2
