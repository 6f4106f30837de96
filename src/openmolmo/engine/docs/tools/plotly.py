"""Plotly.js in the shared Chromium: charts. The bundle is the one that the Python package ``plotly`` carries.

A program is a figure as JSON (``data`` and ``layout``). ``meta`` of a trace says the role of its marks and what they
have in common (``{"role": "bar", "datum": {"series": 0}}``), ``customdata`` the rest for each
(``[{"category": 0}, ...]``).
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path

from openmolmo.engine.docs.base import Chart, Kind, Program, Rendered
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.tools.chromium import Worker, browser_missing, browser_version
from openmolmo.engine.docs.tools.html import finish, script
from openmolmo.engine.docs.tools.layout import tie_to_chart

__all__ = ["TOOL", "Plotly"]


class Plotly:
    """A page of the shared browser that holds plotly.js."""

    name = "plotly"
    kinds: Sequence[Kind] = ("chart",)
    tier = 2

    def missing(self) -> str | None:
        """One sentence with the line that installs it, or none."""
        if util.find_spec("plotly") is None:
            return 'plotly is not installed: pip install "openmolmo[docs-browser]"'
        return browser_missing()

    def version(self) -> str:
        """Of plotly, of the browser and of the machine's fonts."""
        return f"plotly {metadata.version('plotly')} {browser_version()}"

    @contextmanager
    def open(self, timeout: float = 40.0) -> Iterator[PlotlySession]:
        """``timeout``: seconds of one picture."""
        with Worker("plotly", timeout=timeout, scripts=lambda: (_bundle(),)) as worker:
            yield PlotlySession(worker, self.version())


_DRAW = """async (figure) => {
  document.body.style.margin = '0';
  document.body.innerHTML = '<div id="plot"></div>';
  await Plotly.newPlot('plot', figure.data, figure.layout, {staticPlot: true, displayModeBar: false});
}"""


@functools.cache
def _bundle() -> str:
    found = util.find_spec("plotly")
    assert found is not None and found.origin is not None
    return (Path(found.origin).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


class PlotlySession:
    """Draws with a page that stays. ``style`` of a program: ``scale``."""

    def __init__(self, worker: Worker, version: str) -> None:
        self._worker, self._version = worker, version

    def render(self, program: Program) -> Rendered:
        """Draw; plotly's own words where it cannot."""
        try:
            figure = json.loads(program.source)
        except json.JSONDecodeError as error:
            raise RenderError("plotly", f"the figure is not JSON: {error}") from None
        if not isinstance(figure, dict) or not isinstance(figure.get("data"), list):
            raise RenderError("plotly", "a figure is an object with a list `data` and an object `layout`")
        figure.setdefault("layout", {})

        scale, layout = float(program.style.get("scale", 1.0)), figure["layout"]
        shot = self._worker.shoot(
            lambda page: page.evaluate(_DRAW, figure),
            script("measure_plotly.js"),
            size=(int(layout.get("width", 700)), int(layout.get("height", 450))),
            scale=scale,
        )
        drawn = finish("plotly", shot, scale, self._version)
        if not isinstance(program.content, Chart):
            return drawn
        return dataclasses.replace(drawn, marks=tie_to_chart(drawn.marks, program.content))


TOOL = Plotly()
