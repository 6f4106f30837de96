"""Points as the published evaluation reads them out of a reply, and the form that it asks of the whole reply.

By pattern, not by place: first ``Click(x, y)`` and ``(x, y)`` with one decimal, then attributes ``x.. = y..`` in
double quotes, then the older tenths of a percent, ``p=ddd, ddd``. A pair with a value above 100 is no point. The
published code reads a ``Click`` twice; here it is one point.
"""

from __future__ import annotations

import re

__all__ = ["has_released_form", "points_in", "points_in_pixels"]

_PAIR = re.compile(r"\(([0-9]+\.[0-9]),? ?([0-9]+\.[0-9])\)")  # of Click(...) too
_ATTRIBUTES = re.compile(r'x\d*="\s*([0-9]+(?:\.[0-9]+)?)"\s+y\d*="\s*([0-9]+(?:\.[0-9]+)?)"')
_TENTHS = re.compile(r"(?:\d+|p)\s*=\s*([0-9]{3})\s*,\s*([0-9]{3})")

_FORM = re.compile(
    r"(\(\s*-?\d+(\.\d+)?\s*,\s*-?\d+(\.\d+)?\s*\)\n?)+"
    r'|<point\s+x="\s*\d+(\.\d+)?"\s+y="\s*\d+(\.\d+)?"\s+alt="[\s\S]*?">[\s\S]*?</point>'
    r'|<points\s+(x\d+="\s*\d+(\.\d+)?"\s+y\d+="\s*\d+(\.\d+)?"\s+)+alt="[\s\S]*?">[\s\S]*?</points>'
    r'|<point\s+p=\s*\d{3}\s*,\s*\d{3}\s+alt="[\s\S]*?">[\s\S]*?</point>'
    r'|<points\s+(\d+=\s*\d{3}\s*,\s*\d{3}\s+)+alt="[\s\S]*?">[\s\S]*?</points>'
)


def points_in(reply: str) -> list[tuple[float, float]]:
    """(x, y) in percent, 0-100."""
    found = [(float(x), float(y)) for pattern in (_PAIR, _ATTRIBUTES) for x, y in pattern.findall(reply)]
    found += [(int(x) / 10, int(y) / 10) for x, y in _TENTHS.findall(reply)]
    return [(x, y) for x, y in found if max(x, y) <= 100]


def points_in_pixels(reply: str, width: float, height: float) -> list[tuple[float, float]]:
    """(x, y) in pixels of a picture of that size."""
    return [(x / 100 * width, y / 100 * height) for x, y in points_in(reply)]


def has_released_form(reply: str) -> bool:
    """Whether the reply is points and nothing else: lines ``(x, y)``, or one tag."""
    return _FORM.fullmatch(reply.strip()) is not None
