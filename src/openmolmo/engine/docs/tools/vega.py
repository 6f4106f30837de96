"""Vega-Lite in a bare V8: charts without a browser. The scene graph, as SVG, says where everything is.

A mark finds its datum by its ``description``: JSON with a role, e.g. ``{"role": "bar", "series": 0, "category": 3}``,
which a reader of the picture does not see.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from typing import Any

from openmolmo.engine.docs.base import Chart, Kind, Program, Rendered
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.tools.child import LineChild
from openmolmo.engine.docs.tools.layout import refuse_bad_layout, tie_to_chart
from openmolmo.engine.docs.tools.png import size_of
from openmolmo.engine.docs.tools.vega_letters import FontFiles
from openmolmo.engine.docs.tools.vega_svg import marks_of

__all__ = ["TOOL", "Vega"]

BUNDLE_VERSION = "vega 6.2.0 vega-lite 6.4.1"

_PACKAGES = (("mini-racer", "py_mini_racer"), ("vl-convert-python", "vl_convert"), ("matplotlib", "matplotlib"))


class Vega:
    """Vega in a process of its own, with the fonts that come with Matplotlib; vl-convert draws its SVG."""

    name = "vega"
    kinds: Sequence[Kind] = ("chart",)
    tier = 1

    def missing(self) -> str | None:
        """One sentence with the line that installs it, or none."""
        for package, module in _PACKAGES:
            if util.find_spec(module) is None:
                return f'{package} is not installed: pip install "openmolmo[docs]"'
        return None

    def version(self) -> str:
        """Of Vega, of what draws its SVG, and of the fonts."""
        return f"{BUNDLE_VERSION} vl-convert {metadata.version('vl-convert-python')} fonts {_fonts_digest()}"

    @contextmanager
    def open(self, timeout: float = 40.0) -> Iterator[VegaSession]:
        """``timeout``: seconds of one picture, to which the start (seconds) is added for the first."""
        command = [sys.executable, "-P", "-m", "openmolmo.engine.docs.tools.vega_child", str(font_folder())]
        child = LineChild("vega", command, timeout=timeout, first_timeout=timeout + 60)
        try:
            yield VegaSession(self.version(), child)
        finally:
            child.close()


@functools.cache
def font_folder() -> Path:
    """Where Matplotlib keeps DejaVu and STIX; it is found without being imported."""
    found = util.find_spec("matplotlib")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"


@functools.cache
def _fonts_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(font_folder().glob("*.ttf")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


class VegaSession:
    """Draws with a process that stays."""

    def __init__(self, version: str, child: LineChild) -> None:
        self._version, self._child = version, child
        self._fonts = FontFiles(font_folder())

    def render(self, program: Program) -> Rendered:
        """Draw; Vega's own words where it cannot."""
        try:
            chart = json.loads(program.source)
        except json.JSONDecodeError as error:
            raise RenderError("vega", f"the specification is not JSON: {error}") from None
        if not isinstance(chart, dict):
            raise RenderError("vega", f"a specification is an object, this is {type(chart).__name__}")
        if (address := _address(chart)) is not None:
            raise RenderError("vega", f"nothing is fetched, and the specification names the address {address!r}")
        scale = float(program.style.get("scale", 1.0))
        reply = self._child.ask({"chart": chart, "scale": scale})
        if "error" in reply:
            raise RenderError("vega", reply["error"].split("\n    at ")[0])
        png = base64.b64decode(reply["png"])
        width, height = size_of(png)
        marks = marks_of(reply["svg"], scale, self._fonts)
        if isinstance(program.content, Chart):
            marks = tie_to_chart(marks, program.content)
        refuse_bad_layout("vega", marks, width, height)
        return Rendered(png=png, width=width, height=height, marks=marks, tool="vega", version=self._version)


def _address(part: Any) -> str | None:
    """The first ``url`` of a specification, wherever it stands."""
    if isinstance(part, dict):
        if isinstance(part.get("url"), str):
            return str(part["url"])
        part = list(part.values())
    if isinstance(part, list):
        return next((found for item in part if (found := _address(item)) is not None), None)
    return None


TOOL = Vega()
