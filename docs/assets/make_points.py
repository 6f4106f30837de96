"""Draw docs/assets/points.png: three scenes with points that their program knows.

python docs/assets/make_points.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.imaging import open_image
from openmolmo.inference.answer import FoundPoint
from openmolmo.inference.draw import draw_points
from openmolmo.records.example import Pointing

INDICES = (3, 13, 20)


def main() -> None:
    """Write the picture beside this file."""
    shown = []
    for index in INDICES:
        example = make_example(GENERATORS.get("scenes"), 1, index, size=512, split="test")
        assert example.image is not None and example.image.data is not None
        picture = open_image(example.image.data)
        pointing = max((a for a in example.annotations if isinstance(a, Pointing)), key=lambda a: len(a.points))
        height, width = picture.shape[:2]
        points = [
            FoundPoint(pointing.label, p.x, p.y, round(p.x / 100 * width), round(p.y / 100 * height))
            for p in pointing.points
        ]
        drawn = draw_points(picture, points)
        shown.append(drawn.resize((360, round(360 * drawn.height / drawn.width)), Image.Resampling.LANCZOS))
    sheet = Image.new("RGB", (360 * len(shown) + 12 * (len(shown) - 1), max(s.height for s in shown)), "white")
    for place, picture_drawn in enumerate(shown):
        sheet.paste(picture_drawn, (place * 372, 0))
    sheet.save(Path(__file__).parent / "points.png", optimize=True)


if __name__ == "__main__":
    main()
