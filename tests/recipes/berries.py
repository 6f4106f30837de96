"""A user's own data, in small: drawn hedges with berries and leaves, and a JSONL file of what somebody clicked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 160, 120


def write_berries(folder: Path, count: int, *, seed: int = 0, validation: int = 0) -> Path:
    """``count`` pictures and ``rows.jsonl``; the last ``validation`` of them are of that split."""
    (folder / "pictures").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        picture, berries, leaves = _hedge(rng)
        picture.save(folder / "pictures" / f"{number}.png")
        split = "validation" if number >= count - validation else "train"
        for label, spots in (("hawberry", berries), ("oak leaf", leaves)):
            points = [{"x": round(100 * x / WIDTH, 1), "y": round(100 * y / HEIGHT, 1)} for x, y in spots]
            rows.append({"image": f"{number}.png", "split": split, "label": label, "points": points})
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = {"pointing": "person-clicked", "not_present": "person-clicked"}
    (folder / "dataset.json").write_text(
        json.dumps({"dataset": "hedges", "licence": "CC0-1.0", "images": "pictures", "made": made})
    )
    return folder


def _hedge(rng: np.random.Generator) -> tuple[Image.Image, list[tuple[int, int]], list[tuple[int, int]]]:
    noise = rng.integers(0, 50, (HEIGHT // 8, WIDTH // 8, 3)) + np.array([40, 90, 40])
    picture = Image.fromarray(noise.astype(np.uint8)).resize((WIDTH, HEIGHT)).filter(ImageFilter.GaussianBlur(2))
    draw = ImageDraw.Draw(picture)
    spots: list[tuple[int, int]] = []
    wanted = int(rng.integers(1, 6))
    while len(spots) < wanted:
        x, y = int(rng.integers(14, WIDTH - 14)), int(rng.integers(14, HEIGHT - 14))
        if all(abs(x - a) + abs(y - b) > 32 for a, b in spots):
            spots.append((x, y))
    berries = spots[: int(rng.integers(0, wanted + 1))]
    for x, y in spots:
        if (x, y) in berries:
            draw.line((x, y, x + 4, y - 13), fill=(70, 50, 20), width=2)
            draw.circle((x, y), int(rng.integers(7, 10)), fill=(190, 20, 45))
            draw.circle((x - 2, y - 3), 2, fill=(240, 150, 160))
        else:
            draw.polygon([(x - 11, y), (x, y - 6), (x + 11, y), (x, y + 6)], fill=(215, 190, 60))
    return picture, berries, spots[len(berries) :]
