"""What the figures mean, in words that follow from the intervals."""

from __future__ import annotations

from collections.abc import Mapping

from openmolmo.recipes.scaling.findings import Check, Found, Laws, Prediction, Range, Slope
from openmolmo.recipes.scaling.fit import STEEPEST

__all__ = ["count_of", "interval", "law_text", "says_check", "says_prediction", "says_runs", "says_slope", "verdict"]

_GUESS = 10.0  # times beyond the largest run, from which a prediction is called a guess
_LIKE = 1.05  # residuals that differ by less are called alike
_SHOWN = 6  # names of runs that are listed


def count_of(value: float) -> str:
    """A number of parameters, pictures or crops."""
    for unit, name in ((1e9, "B"), (1e6, "M")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:,.0f}"


def interval(one: Range, digits: int = 3) -> str:
    """``0.412 (0.400 to 0.431)``."""
    return f"{one.value:.{digits}f} ({one.low:.{digits}f} to {one.high:.{digits}f})"


def law_text(laws: Laws) -> str:
    """The law with its numbers."""
    law = laws.law
    parts = [
        f"{law.amounts[name]:.3f} · ({name} / {count_of(law.middle[name])})^-{law.exponents[name]:.3f}"
        for name in law.amounts
    ]
    return f"loss = {law.floor:.3f} + " + " + ".join(parts)


def says_slope(one: Slope) -> str:
    """What is known of one factor."""
    over = f"From {count_of(one.smallest)} to {count_of(one.largest)} {one.factor} the loss falls by"
    nats = f"{interval(one.fall)} nats"
    if one.verdict == "not shown":
        return f"{over} {nats}: these runs do not show that it falls at all, so its exponent means nothing."
    if one.verdict == "steepness unknown":
        more = " or more" if one.exponent.high > 0.99 * STEEPEST else ""
        return (
            f"{over} {nats}; how steeply it goes on these runs do not say: the exponent lies anywhere from "
            f"{one.exponent.low:.2f} to {one.exponent.high:.2f}{more}."
        )
    return f"{over} {nats}, with an exponent of {interval(one.exponent, 2)}."


def says_check(one: Check) -> str:
    """How a law of the smaller runs did on what was left out."""
    what = f"Without {one.name} ({one.left_out} left out, {_times(one.further)} the largest of the others)"
    if one.predicted is None:
        return f"{what}: not checked. {one.refusal[:1].upper()}{one.refusal[1:]}."
    inside = one.predicted.low <= one.measured <= one.predicted.high
    return (
        f"{what} the law foresees {interval(one.predicted)} nats; measured were {one.measured:.3f}: off by "
        f"{100 * one.error:+.1f} %, and the measured loss lies {'within' if inside else 'outside'} the interval."
    )


def says_prediction(one: Prediction, laws: Laws) -> str:
    """A prediction with how far it reaches, and how wrong it may be."""
    ratio = laws.pure.spread / max(laws.law.spread, 1e-9)
    better = "as well" if 1 / _LIKE < ratio < _LIKE else "better" if ratio < 1 else "worse"
    said = (
        f"{one.name}: {interval(one.loss)} nats; {one.without_floor:.3f} by a law without a floor, which fits {better} "
        f"({100 * laws.pure.spread:.2f} % against {100 * laws.law.spread:.2f} %). It reaches {_times(one.further)} the "
        f"largest run"
    )
    checked = [check for check in laws.checks if check.predicted is not None]
    if checked:
        worst = max(checked, key=lambda check: abs(check.error))
        said += (
            f", where the checks reached {_times(worst.further)} and were off by up to {100 * abs(worst.error):.1f} %"
        )
    said += "."
    reach = max(one.further.values())
    if reach >= _GUESS:
        said += f" At {reach:,.0f} times this is a guess: the interval knows the scatter of the runs alone, and not "
        said += "whether the law still holds there."
    unknown = [slope.factor for slope in laws.slopes if slope.verdict != "found" and one.further[slope.factor] > 1]
    if unknown:
        said += (
            f" It rests on an exponent that these runs do not determine ({', '.join(unknown)}): take no number from it."
        )
    return said


def says_runs(found: Found) -> list[str]:
    """Which runs there are, which are missing, diverged or kept apart."""
    there = len(found.points) + len(found.diverged)
    said = [f"{there} of {there + len(found.missing)} runs are finished."]
    if found.missing:
        said.append(f"Missing: {_named(found.missing)}.")
    if found.diverged:
        said.append(f"Diverged, so without a loss, and left out: {_named(found.diverged)}.")
    for version, count in found.apart.items():
        said.append(f"Kept apart: {count} runs by {version}.")
    if found.scale != 1:
        said.append(f"Made with --scale {found.scale:g}: it shows that everything runs, and its figures mean nothing.")
    return said


def verdict(found: Found) -> str:
    """In one line: what the law's exponents are, or why there is none."""
    if found.laws is None:
        return found.refusal
    return "; ".join(
        f"{one.factor} {interval(one.exponent, 2)}" if one.verdict == "found" else f"{one.factor} {one.verdict}"
        for one in found.laws.slopes
    )


def _named(runs: tuple[tuple[str, int], ...]) -> str:
    shown = "; ".join(f"{arm}, seed {seed}" for arm, seed in runs[:_SHOWN])
    return shown + (f"; and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else "")


def _round(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _times(further: Mapping[str, float]) -> str:
    return (
        " and ".join(f"{_round(value)} times ({name})" for name, value in further.items() if value > 1)
        or "no further than"
    )
