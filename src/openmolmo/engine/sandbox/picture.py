"""The one picture that a job had to leave, looked at with suspicion."""

from __future__ import annotations

from openmolmo.core.errors import DataError, ImageError
from openmolmo.engine.sandbox.limits import Outcome
from openmolmo.pictures import Facts, format_of, header_size, verify

__all__ = ["the_picture"]

_KINDS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".svg", ".pdf")


def the_picture(outcome: Outcome, *, name: str = "picture.png", side: int = 4096) -> tuple[bytes, Facts]:
    """The PNG called ``name`` that a job left, and what it is; ``side``: most pixels of one side.

    Raises DataError with one sentence, fit to be told to who wrote the code, where the job failed, left no picture or
    several, or one that is too large, damaged or no PNG. The size is read before anything is decoded.
    """
    if outcome.end != "done":
        raise DataError(_ENDS.get(outcome.end, "the program failed") + (f": {outcome.said}" if outcome.said else ""))
    for left in outcome.left_out:
        raise DataError(f"the program left something that cannot be taken: {left}")
    pictures = sorted(one for one in outcome.files if one.lower().endswith(_KINDS))
    if pictures != [name]:
        found = f"it left {', '.join(pictures)}" if pictures else "it left none"
        raise DataError(f"the program must leave one picture called {name}, {found}")
    data = outcome.files[name]
    try:
        width, height = header_size(data)
        if max(width, height) > side:
            raise DataError(f"the picture has {width} x {height} pixels, at most {side} of a side are allowed")
        if format_of(data) != "PNG":
            raise DataError(f"{name} is no PNG")
        return data, verify(data, name=name)
    except ImageError as error:
        raise DataError(f"{name} cannot be read: {error.message}") from error


_ENDS = {
    "error": "the program ended with an error",
    "time": "the program did not end in time",
    "flood": "the program printed without end",
    "killed": "the program used more than it may of memory, time or disk",
    "lost": "the program could not be run",
}
