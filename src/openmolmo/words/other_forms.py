"""Forms in which other models point, read beside ours.

<points coords="1 1 523 456 2 600 300">dogs</points>     picture, then number, x, y in thousandths (Molmo2)
<points 1=523,456 2=600,300 alt="dogs">dogs</points>     tenths of a percent, three digits each
Click(45.2, 78.1)    Long Press(45.2, 78.1)              percent (AndroidControl)
&lt;point x="61.5" y="40.4"&gt;dog&lt;/point&gt;         any form as HTML text
"""

from __future__ import annotations

import html
import re

__all__ = ["next_escaped", "next_press", "read_coords", "read_tenths"]

_SCALE = 10  # thousandths in a percent

# The last number counts only when something follows it: at the end of a cut text it may be half a number.
_QUOTE = r"[\"'“”]?(?![\"'“”])"
_COORDS = re.compile(rf"{_QUOTE}([\d.\t:;, ]*)(?=[^\d.\t:;, ])|{_QUOTE}([\d.\t:;, ]*[\t:;, ])")
_PICTURE = re.compile(r"(?:^|[\t:;,])\s{0,4}(\d{1,9}(?:\.\d{1,9})?) ([\d ]+)")
_TRIPLE = re.compile(r"(\d{1,9}) (\d{3,4}) (\d{3,4})(?!\d)")
_TENTHS = re.compile(r"(?:p|\d{1,6})\s{0,4}=\s{0,4}(\d{3})\s{0,4},\s{0,4}(\d{3})(?=\D)", re.IGNORECASE)
_PERCENT = r"-?\d{1,9}(?:\.\d{1,9})?"
_PRESS = re.compile(
    rf"\b(click|long[ _]?press)\s{{0,4}}\(\s{{0,4}}({_PERCENT})\s{{0,4}},\s{{0,4}}({_PERCENT})\s{{0,4}}\)",
    re.IGNORECASE,
)
_ESCAPED_OPEN = re.compile(r"&lt;\s?points?(?=[\s&])", re.IGNORECASE)
_ESCAPED_CLOSE = re.compile(r"&lt;\s?/\s?points?\s?&gt;", re.IGNORECASE)


def read_coords(text: str, position: int) -> tuple[list[tuple[float, float, float]], int]:
    """(x percent, y percent, picture from 1) of each place in the value at ``position``, and where that ends."""
    found = _COORDS.match(text, position)
    if found is None:
        return [], position
    value = found[1] if found[1] is not None else found[2]
    places = [
        (int(x) / _SCALE, int(y) / _SCALE, float(picture))
        for picture, triples in _PICTURE.findall(value)
        for _, x, y in _TRIPLE.findall(triples)
    ]
    return places, found.end()


def read_tenths(text: str, position: int) -> tuple[float, float, int] | None:
    """(x percent, y percent, where it ends) of ``1=523,456`` at ``position``."""
    found = _TENTHS.match(text, position)
    return None if found is None else (int(found[1]) / _SCALE, int(found[2]) / _SCALE, found.end())


def next_press(text: str, position: int) -> tuple[str, float, float, int, int] | None:
    """(its name, x and y as written, start, end) of the next click or long press."""
    found = _PRESS.search(text, position)
    return None if found is None else (found[1], float(found[2]), float(found[3]), found.start(), found.end())


def next_escaped(text: str, position: int) -> tuple[str, int, int] | None:
    """(the element as it was, start, end) of the next one written as HTML text."""
    opened = _ESCAPED_OPEN.search(text, position)
    if opened is None:
        return None
    following = _ESCAPED_OPEN.search(text, opened.end())
    limit = len(text) if following is None else following.start()
    closed = _ESCAPED_CLOSE.search(text, opened.end(), limit)
    end = limit if closed is None else closed.end()
    return html.unescape(text[opened.start() : end]), opened.start(), end
