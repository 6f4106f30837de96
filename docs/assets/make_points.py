"""Draw docs/assets/points.png and icons.png: points that the bundled model finds in pictures it has not seen.

python docs/assets/make_points.py

The pictures are not chosen: the first three held-out scenes of this seed that ask for two to six points, and the first
six held-out pictures of things that ask for one to six. Where the frame is green all points are right and none is
missing, as the benchmarks judge them; where it is red the title ends with what is true.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

import openmolmo
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.evaluation.metrics.pointing import score_points
from openmolmo.imaging import open_image
from openmolmo.inference.draw import draw_points
from openmolmo.records.example import Point, Pointing

SEED, WIDTH, GAP, LINE, FRAME, ACROSS = 1, 352, 12, 30, 4, 3
RIGHT, WRONG = "#008f6b", "#c0182b"


def asked(generator: str, count: int, least: int) -> list[tuple[np.ndarray, Pointing]]:
    """``count`` pictures (H, W, 3) and what to point at in them, ``least`` to six points."""
    found: list[tuple[np.ndarray, Pointing]] = []
    index = 0
    while len(found) < count:
        example = make_example(GENERATORS.get(generator), SEED, index, size=256, split="test")
        questions = [a for a in example.annotations if isinstance(a, Pointing) and least <= len(a.points) <= 6]
        if questions:
            assert example.image is not None and example.image.data is not None
            found.append((open_image(example.image.data), questions[0]))
        index += 1
    return found


def drawn(predictor: openmolmo.Predictor, picture: np.ndarray, question: Pointing) -> Image.Image:
    """One picture with the points found, under what was asked."""
    points = predictor.point(picture, question.label).points
    height, width = picture.shape[:2]
    given = [Point(point.x, point.y) for point in points]
    score = score_points(given, question.points, question.masks, aspect=height / width)
    colour = RIGHT if score.f1 == 1 else WRONG
    shown = draw_points(picture, points, legend=False)
    shown = shown.resize((WIDTH, round(WIDTH * shown.height / shown.width)), Image.Resampling.LANCZOS)
    framed = ImageOps.expand(shown, FRAME, colour)
    titled = ImageOps.expand(framed, (0, LINE, 0, 0), "white")
    title = f'"{question.label}"' + ("" if score.f1 == 1 else f": {sum(score.right)} of {len(question.points)} found")
    ImageDraw.Draw(titled).text((FRAME, 4), title, fill="#222", font=ImageFont.load_default(17))
    return titled


def draw_sheet(predictor: openmolmo.Predictor, questions: list[tuple[np.ndarray, Pointing]]) -> Image.Image:
    """Pictures three in a row."""
    shown = [drawn(predictor, *question) for question in questions]
    rows = [shown[start : start + ACROSS] for start in range(0, len(shown), ACROSS)]
    heights = [max(one.height for one in row) for row in rows]
    width = (WIDTH + 2 * FRAME) * ACROSS + GAP * (ACROSS - 1)
    sheet = Image.new("RGB", (width, sum(heights) + GAP * (len(rows) - 1)), "white")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for place, one in enumerate(row):
            sheet.paste(one, (place * (WIDTH + 2 * FRAME + GAP), top))
        top += height + GAP
    return sheet


def main() -> None:
    """Write both pictures beside this file."""
    predictor = openmolmo.load("nano")
    for name, generator, count, least in (("points.png", "scenes", 3, 2), ("icons.png", "icons", 6, 1)):
        sheet = draw_sheet(predictor, asked(generator, count, least))
        sheet.quantize(192).save(Path(__file__).parent / name, optimize=True)


if __name__ == "__main__":
    main()
