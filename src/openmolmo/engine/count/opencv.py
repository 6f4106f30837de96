"""What OpenCV finds by itself: coins and other circles, faces, people, cats. Good for plumbing and tests.

Scores are made comparable: the share of a circle's rim that is an edge, or how far a vote is above its threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import ConfigError
from openmolmo.core.optional import require
from openmolmo.engine.count.detectors import Box

__all__ = ["OpenCVDetector"]

Gray = npt.NDArray[np.uint8]

_LONGEST = 1024
"""Pixels of the longer side in which is looked: more takes long and finds no more."""
_CASCADES = {"face": "haarcascade_frontalface_default.xml", "cat": "haarcascade_frontalcatface_extended.xml"}
_FIRM = {"face": 6.0, "cat": 4.0, "person": 1.2}
"""Votes or margins at which nine of ten findings are right; half of it scores 0.45."""
_RIM = 96
"""Places on a circle at which is looked for an edge."""
_RADII = tuple(0.88 + 0.02 * step for step in range(17))


@dataclass(frozen=True, kw_only=True)
class OpenCVDetector:
    """What OpenCV brings itself: circles such as coins, faces, cats, people.

    ``find``: what to look for, of ``circle``, ``face``, ``cat`` and ``person``, separated by commas.

    ``name``: what circles are called, as ``coin`` or ``plate``.
    """

    find: str = "circle"
    name: str = "coin"

    def __post_init__(self) -> None:
        known = ("circle", "person", *_CASCADES)
        for what in self._wanted:
            if what not in known:
                raise ConfigError(f"OpenCV cannot find {what!r}", fix=f"find some of {', '.join(known)}")

    @property
    def _wanted(self) -> list[str]:
        return [what.strip() for what in self.find.split(",")]

    @property
    def labels(self) -> tuple[str, ...]:
        """What is looked for."""
        return tuple(self.name if what == "circle" else what for what in self._wanted)

    def detect(self, pixels: npt.NDArray[np.uint8]) -> Sequence[Box]:
        """Boxes of everything wanted."""
        cv2 = require("cv2", extra="synth")
        height, width = pixels.shape[:2]
        scale = min(1.0, _LONGEST / max(height, width))
        gray = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        found: list[Box] = []
        for what in self._wanted:
            boxes = _circles(gray) if what == "circle" else _people(gray) if what == "person" else _faces(gray, what)
            label = self.name if what == "circle" else what
            found += [_box(label, score, corners, scale) for score, corners in boxes]
        return found


Found = tuple[float, tuple[float, float, float, float]]


def _box(label: str, score: float, corners: tuple[float, float, float, float], scale: float) -> Box:
    left, top, right, bottom = (side / scale for side in corners)
    return Box(label=label, score=round(min(1.0, score), 4), left=left, top=top, right=right, bottom=bottom)


def _circles(gray: Gray) -> Iterator[Found]:
    cv2 = require("cv2", extra="synth")
    shorter = min(gray.shape)
    smooth = cv2.GaussianBlur(gray, (5, 5), 1.2)
    found = cv2.HoughCircles(
        smooth,
        cv2.HOUGH_GRADIENT_ALT,
        dp=1.5,
        minDist=shorter / 16,
        param1=160,
        param2=0.75,
        minRadius=max(4, shorter // 40),
        maxRadius=shorter // 2,
    )
    edges = cv2.dilate(cv2.Canny(smooth, 30, 90), np.ones((3, 3), np.uint8))
    for x, y, rough, *_ in [] if found is None else np.atleast_2d(np.squeeze(found)).tolist():
        # Its radii are up to an eighth too small: the one with most edge under it is taken.
        score, radius = max((_rim(edges, x, y, rough * share), rough * share) for share in _RADII)
        yield score, (x - radius, y - radius, x + radius, y + radius)


def _rim(edges: Gray, x: float, y: float, radius: float) -> float:
    """Share of a circle's rim inside the picture that is an edge; none of what is cut off counts as seen."""
    turn = np.linspace(0, 2 * np.pi, _RIM, endpoint=False)
    columns = np.round(x + radius * np.cos(turn)).astype(int)
    rows = np.round(y + radius * np.sin(turn)).astype(int)
    inside = (columns >= 0) & (columns < edges.shape[1]) & (rows >= 0) & (rows < edges.shape[0])
    return float((edges[rows[inside], columns[inside]] > 0).sum() / _RIM)


def _faces(gray: Gray, what: str) -> Iterator[Found]:
    cv2 = require("cv2", extra="synth")
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + _CASCADES[what])
    boxes, _, votes = cascade.detectMultiScale3(gray, 1.1, 4, outputRejectLevels=True)
    for (x, y, w, h), vote in zip(boxes, np.ravel(votes), strict=True):
        yield 0.9 * max(0.0, float(vote)) / _FIRM[what], (float(x), float(y), float(x + w), float(y + h))


def _people(gray: Gray) -> Iterator[Found]:
    cv2 = require("cv2", extra="synth")
    hog = cv2.HOGDescriptor()
    if gray.shape[1] < 64 or gray.shape[0] < 128:
        return  # smaller than the window that is moved over the picture
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    boxes, weights = hog.detectMultiScale(gray, winStride=(8, 8), padding=(8, 8), scale=1.05)
    for (x, y, w, h), weight in zip(boxes, np.ravel(weights), strict=True):
        yield 0.9 * max(0.0, float(weight)) / _FIRM["person"], (float(x), float(y), float(x + w), float(y + h))
