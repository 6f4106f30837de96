"""Matplotlib code of a language model: drawn in the sandbox, taken back with suspicion."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

from openmolmo.core.config import to_dict
from openmolmo.core.errors import DataError
from openmolmo.engine.docs.base import Chart, Mark, Program, Rendered
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.fonts import refuse_lacking_letters
from openmolmo.engine.docs.llm.marking import HARNESS
from openmolmo.engine.docs.tools.layout import refuse_bad_layout, tie_to_chart
from openmolmo.engine.sandbox import Limits, Sandbox
from openmolmo.engine.sandbox.picture import the_picture

__all__ = ["BoxedMatplotlib"]

_LIMITS = Limits(seconds=30.0, cpu=20)
_MOST_MARKS = 2000
_ROLES = frozenset({"axis", "bar", "label", "legend", "point", "slice", "title", "value", "word"})
_WARM = (
    "import io as _io, matplotlib.pyplot as _plt\n"
    "_plt.plot([1, 2]); _plt.title('a'); _plt.savefig(_io.BytesIO()); _plt.close('all')"
)


class BoxedMatplotlib:
    """One sandbox for the code of one model; closed with :meth:`close`, or ``with``."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._sandbox = Sandbox(limits=_LIMITS, preload=("numpy", "matplotlib.pyplot"), warm=_WARM)

    def __enter__(self) -> BoxedMatplotlib:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._sandbox.close()

    def close(self) -> None:
        """End the sandbox."""
        self._sandbox.close()

    def render(self, program: Program) -> Rendered:
        """Run the code on its data; RenderError with the words of Python, or of what is wrong with the picture."""
        if not isinstance(program.content, Chart):
            raise RenderError("matplotlib", "draws charts only")
        data = to_dict(program.content)
        outcome = self._sandbox.run(f"chart = {data!r}", program.source, HARNESS)
        try:
            png, facts = the_picture(outcome)
            marks = _marks(outcome.files.get("marks.json", b""))
        except DataError as error:
            raise RenderError("matplotlib", error.reason) from None
        marks = tie_to_chart(marks, program.content)
        refuse_lacking_letters("matplotlib", (mark.text for mark in marks))
        refuse_bad_layout("matplotlib", marks, facts.width, facts.height)
        return Rendered(
            png=png, width=facts.width, height=facts.height, marks=marks, tool="matplotlib", version=self._version
        )


def _marks(text: bytes) -> tuple[Mark, ...]:
    """What the harness wrote, if it was the harness; DataError for anything else."""
    try:
        found: Any = json.loads(text)
        if not isinstance(found, list) or len(found) > _MOST_MARKS:
            raise ValueError("no list, or too long")
        return tuple(_mark(*one) for one in found)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"the figure's marks cannot be read: {error}") from None


def _mark(role: Any, box: Any, text: Any, datum: Any) -> Mark:
    if role not in _ROLES or not isinstance(text, str) or len(text) > 1000:
        raise ValueError(f"an odd mark: {role!r}")
    left, top, right, bottom = (float(value) for value in box)
    if not all(abs(value) < 1e6 for value in (left, top, right, bottom)):  # NaN and infinity too
        raise ValueError("a box without end")
    known = {key: int(datum[key]) for key in ("series", "category") if key in datum}
    return Mark(role=role, box=(left, top, right, bottom), text=text, datum=known)
