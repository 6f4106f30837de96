"""Draw docs/assets/points.png: points that the bundled model finds in pictures it has not seen.

python docs/assets/make_points.py

The pictures are not chosen: the first three held-out scenes of this seed that ask for two to six points.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import openmolmo
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.imaging import open_image
from openmolmo.inference.draw import draw_points
from openmolmo.records.example import Pointing

SEED, WIDTH, GAP, LINE = 1, 360, 12, 30


def asked() -> list[tuple[np.ndarray, str]]:
    """Three pictures (H, W, 3) and what to point at."""
    found: list[tuple[np.ndarray, str]] = []
    index = 0
    while len(found) < 3:
        example = make_example(GENERATORS.get("scenes"), SEED, index, size=256, split="test")
        questions = [a for a in example.annotations if isinstance(a, Pointing) and 2 <= len(a.points) <= 6]
        if questions:
            assert example.image is not None and example.image.data is not None
            found.append((open_image(example.image.data), questions[0].label))
        index += 1
    return found


def main() -> None:
    """Write the picture beside this file."""
    predictor = openmolmo.load("nano")
    shown = []
    for picture, label in asked():
        drawn = draw_points(picture, predictor.point(picture, label).points, legend=False)
        drawn = drawn.resize((WIDTH, round(WIDTH * drawn.height / drawn.width)), Image.Resampling.LANCZOS)
        titled = Image.new("RGB", (WIDTH, drawn.height + LINE), "white")
        titled.paste(drawn, (0, LINE))
        ImageDraw.Draw(titled).text((0, 4), f'"{label}"', fill="#222", font=ImageFont.load_default(18))
        shown.append(titled)
    sheet = Image.new("RGB", (WIDTH * 3 + GAP * 2, max(one.height for one in shown)), "white")
    for place, one in enumerate(shown):
        sheet.paste(one, (place * (WIDTH + GAP), 0))
    sheet.save(Path(__file__).parent / "points.png", optimize=True)


if __name__ == "__main__":
    main()
