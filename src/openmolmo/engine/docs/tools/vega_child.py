"""The process in which Vega runs: a chart that never ends, or eats the memory, is ended with it.

One request a line: ``{"chart": a Vega-Lite specification, "scale": pixels a unit}``. One reply a line:
``{"svg": ..., "png": base64}`` or ``{"error": ...}``. Nothing is fetched: the engine has no files and no network.

Vega runs in a bare V8 that asks our tables how wide a letter is, and every text becomes the outlines of its letters
before it is drawn: vl-convert opens the font's file anew for each letter, both times.
"""

from __future__ import annotations

import base64
import json
import lzma
import sys
from pathlib import Path
from typing import Any

from openmolmo.core.optional import require
from openmolmo.engine.docs.fonts import SANS
from openmolmo.engine.docs.tools.vega_letters import FontFiles, outlined

__all__ = ["main"]

BUNDLE = Path(__file__).parent / "vega_bundle"

# What is drawn with, and how: letters that a font lacks are as wide as its widest; such a picture is refused later.
_SETUP = """
globalThis.structuredClone = value => JSON.parse(JSON.stringify(value));
const nothing = () => {};
const quiet = {level: () => quiet, error: nothing, warn: nothing, info: nothing, debug: nothing};
const refused = {load: () => Promise.reject(Error('nothing is fetched')),
                 sanitize: () => Promise.reject(Error('nothing is fetched'))};
const fonts = {};
function ready() {
  const named = item => String(item.font || '').split(',').map(name => name.trim().replace(/['"]/g, ''));
  vega.textMetrics.width = (item, text) => {
    const weight = String(item.fontWeight || 'normal');
    const style = /^bold/.test(weight) || +weight >= 600 ? ' bold' : '';
    const name = named(item).find(name => fonts[name + style] || fonts[name]);
    const widths = fonts[name + style] || fonts[name] || Object.values(fonts)[0];
    let sum = 0;
    for (const letter of String(text ?? '')) sum += widths[letter] ?? 1;
    sum *= vega.textMetrics.height(item);
    return item.limit > 0 ? Math.min(sum, item.limit) : sum;
  };
}
async function draw(chart) {
  try {
    vegaLite.resetIdCounter();
    vega.resetSVGDefIds();
    const {spec} = vegaLite.compile(chart, {logger: quiet});
    const view = new vega.View(vega.parse(spec), {renderer: 'none', loader: refused, logger: quiet});
    const svg = await view.toSVG();
    view.finalize();
    return JSON.stringify({svg});
  } catch (error) {
    return JSON.stringify({error: String(error && error.message || error)});
  }
}
"""


class _Engine:
    """Vega and Vega-Lite in V8."""

    def __init__(self, fonts: FontFiles) -> None:
        racer: Any = require("py_mini_racer", extra="docs")
        self._v8 = racer.MiniRacer()
        self._v8.eval(_SETUP)
        for name in ("vega", "vega-lite"):
            self._v8.eval(lzma.decompress((BUNDLE / f"{name}.min.js.xz").read_bytes()).decode())
        self._v8.eval("ready()")
        self._fonts, self._told = fonts, set[str]()
        self._tell(SANS)  # for charts that name no font, or none that there is

    def svg(self, chart: dict[str, Any]) -> dict[str, str]:
        """``{"svg": ...}`` or ``{"error": ...}``."""
        source = json.dumps(chart, ensure_ascii=False)
        for family in self._fonts.families():
            if family in source and family not in self._told:
                self._tell(family)
        found: dict[str, str] = json.loads(self._v8.eval(f"draw({json.dumps(chart)})").get())
        return found

    def _tell(self, family: str) -> None:
        self._v8.eval(f"Object.assign(fonts, {json.dumps(self._fonts.widths(family))})")
        self._told.add(family)


def main() -> None:
    """Answer until the input ends; the one argument is the folder of fonts."""
    vl_convert: Any = require("vl_convert", extra="docs")
    fonts = FontFiles(Path(sys.argv[1]))
    engine = _Engine(fonts)
    for line in sys.stdin:
        request = json.loads(line)
        reply = engine.svg(request["chart"])
        if "svg" in reply and "<image" in reply["svg"]:
            reply = {"error": "nothing is fetched, and the chart has a picture"}
        if "svg" in reply:
            try:
                picture = vl_convert.svg_to_png(outlined(reply["svg"], fonts), scale=request["scale"])
                reply["png"] = base64.b64encode(picture).decode()
            except ValueError as error:
                reply = {"error": str(error)}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
