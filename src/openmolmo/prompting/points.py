"""Where these names were before :mod:`openmolmo.words.points`; kept for programs that import them from here."""

from openmolmo.words.points import (
    NOTHING_THERE,
    NOTHING_THERE_PAPER,
    OutOfRange,
    PointForm,
    PointGroup,
    PointOrder,
    order_points,
    read_points,
    without_points,
    write_points,
)

__all__ = [
    "NOTHING_THERE",
    "NOTHING_THERE_PAPER",
    "OutOfRange",
    "PointForm",
    "PointGroup",
    "PointOrder",
    "order_points",
    "read_points",
    "without_points",
    "write_points",
]
