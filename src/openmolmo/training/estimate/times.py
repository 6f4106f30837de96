"""How long a run takes: a range, since nobody knows before what share of the peak will be useful work."""

from __future__ import annotations

from openmolmo.core.errors import ConfigError
from openmolmo.training.estimate.gpus import MEASURED, UTILISATION, Gpu
from openmolmo.training.estimate.traffic import Traffic

__all__ = ["require_utilisation", "times"]

_COLLECTIVES = 0.75
"""Share of the makers' figures for sending that collectives reach."""


def require_utilisation(value: float | None) -> None:
    """Raise ConfigError for a share of the peak that nothing can have."""
    if value is not None and not 0 < value <= 1:
        raise ConfigError(
            f"--utilisation {value:g} is no share of the peak", fix="above 0 and at most 1; the published run: 0.16"
        )


def times(
    operations: float, steps: int, gpu: Gpu | None, count: int, sent: Traffic, utilisation: float | None
) -> list[tuple[object, ...]]:
    """Rows on the time of steps of so many ``operations``; none where the device is not known.

    From a good share of the peak, all sending hidden behind computing, to what the published run reached, whose
    waiting is in it already, or to nothing hidden where that takes longer on this device. ``utilisation`` is a share
    that somebody measured, sending included, and gives one number.
    """
    if gpu is None:
        return []
    whole = operations / (count * gpu.peak)
    sending = sent.seconds(gpu.near * _COLLECTIVES, gpu.far * _COLLECTIVES)
    if utilisation is not None:
        ends, how = [whole / utilisation], f"at {utilisation:.0%} of the peak, as given"
    else:
        bare = whole / UTILISATION + sending
        ends = [max(whole / UTILISATION, sending), max(whole / MEASURED, bare)]
        slow = "and none hidden" if bare > whole / MEASURED else f"or {MEASURED:.0%}, as the published run"
        how = f"at {UTILISATION:.0%} of the peak, assumed, sending hidden, {slow}"
    rows: list[tuple[object, ...]] = [
        (f"a step on {count} x {gpu.name}", f"{_range([f'{end:.3g}' for end in ends])} s {how}")
    ]
    if sending:
        rows.append(("of it sending, about", f"{sending:.2g} s, if none is hidden behind computing"))
    hours = [f"{end * steps * count / 3600:,.0f}" for end in ends]
    rows.append(("all steps", f"{_range([_clock(end * steps) for end in ends])}, {_range(hours)} GPU hours"))
    return rows


def _range(ends: list[str]) -> str:
    return " to ".join(dict.fromkeys(ends))


def _clock(seconds: float) -> str:
    return f"{seconds / 86_400:.1f} days" if seconds >= 2 * 86_400 else f"{seconds / 3600:.1f} h"
