"""The process in which Vega runs: a chart that never ends, or eats the memory, is ended with it.

One request a line: ``{"chart": a Vega-Lite specification, "scale": pixels a unit}``. One reply a line:
``{"svg": ..., "png": base64}`` or ``{"error": ...}``. Nothing is fetched.
"""

from __future__ import annotations

import base64
import json
import sys

__all__ = ["main"]


def main() -> None:
    """Answer until the input ends; the one argument is the folder of fonts."""
    import vl_convert

    vl_convert.register_font_directory(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        reply: dict[str, str]
        try:
            svg = vl_convert.vegalite_to_svg(request["chart"], allowed_base_urls=[])
            picture = vl_convert.svg_to_png(svg, scale=request["scale"])
            reply = {"svg": svg, "png": base64.b64encode(picture).decode()}
        except ValueError as error:
            reply = {"error": str(error)}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
