"""The smallest difference that so many questions can show.

Two models answer the same N questions; on a share d of them only one is right. The difference of their accuracies has
the variance (d - difference^2) / N. Shown is a difference that a two-sided test at ``alpha`` finds with the chance
``power``. Models that know nothing of each other differ on 2 p (1 - p) of the questions; two checkpoints of one run
on far fewer, which is why pairs see more than two separate means.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from openmolmo.core.errors import ConfigError

__all__ = ["independent_share", "least_difference", "least_questions", "reach"]


def independent_share(accuracy: float) -> float:
    """The share of questions on which two independent models of that accuracy (0-1) differ."""
    _check("accuracy", accuracy, least=0.0)
    return 2 * accuracy * (1 - accuracy)


def least_difference(questions: int, differing: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest difference of two accuracies (0-1) that ``questions`` show; at most ``differing``."""
    if questions < 1:
        raise ConfigError(f"questions={questions} must be at least 1")
    _check("differing", differing, least=0.0)
    square = reach(power, alpha) ** 2 / questions
    return min(differing, math.sqrt(square * differing / (1 + square)))


def least_questions(difference: float, differing: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """How many questions show ``difference``; the other way round."""
    _check("difference", difference, least=0.0)
    _check("differing", differing, least=0.0)
    if not 0 < difference <= differing:
        raise ConfigError(
            f"difference={difference} must be above 0 and at most the share of questions that differ, {differing}",
            fix="two models cannot differ more in accuracy than in answers",
        )
    return math.ceil(reach(power, alpha) ** 2 * (differing - difference**2) / difference**2)


def reach(power: float = 0.8, alpha: float = 0.05) -> float:
    """How many standard errors a difference must have: 2.80 for 80 % at 5 %."""
    for name, value in (("power", power), ("alpha", alpha)):
        if not 0 < value < 1:
            raise ConfigError(f"{name}={value} must be between 0 and 1")
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)


def _check(name: str, value: float, *, least: float) -> None:
    if not least <= value <= 1:
        raise ConfigError(f"{name}={value} must be from {least:g} to 1", fix="write 0.7 for 70 %")
