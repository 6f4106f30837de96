"""RapidOCR: PP-OCRv6 small, inside the package; no network, and no writing seen where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import ConfigError
from openmolmo.core.optional import require
from openmolmo.engine.ocr.lines import Line

__all__ = ["RapidOCR"]


@dataclass(frozen=True, kw_only=True)
class RapidOCR:
    """The driver ``rapidocr``. Lines of a score below ``min_score`` are dropped; ``threads`` caps onnxruntime's."""

    min_score: float = 0.5
    threads: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise ConfigError(f"min_score is {self.min_score:g}, and must be from 0 to 1", fix="e.g. 0.5")
        if self.threads < 1:
            raise ConfigError(f"threads is {self.threads}, and must be 1 or more", fix="e.g. 1")

    @property
    def engine(self) -> str:
        return "rapidocr"

    @property
    def model(self) -> str:
        return "PP-OCRv6 small (in the package)"

    @property
    def version(self) -> str:
        return metadata.version("rapidocr")

    def lines(self, pixels: NDArray[np.uint8]) -> list[Line]:
        """Boxes are of the whole picture, whatever size the network saw."""
        height, width = pixels.shape[:2]
        found = _engine(self.threads)(np.ascontiguousarray(pixels[:, :, ::-1]), text_score=self.min_score)  # BGR
        if found.txts is None or found.boxes is None:
            return []
        return [
            _line(text, score, box, width, height)
            for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
            if text.strip()
        ]


@lru_cache(maxsize=1)
def _engine(threads: int) -> Any:
    require("onnxruntime", extra="ocr")  # else RapidOCR's own words, which name another package
    runtime = "EngineConfig.onnxruntime."
    return require("rapidocr", extra="ocr").RapidOCR(
        params={
            "Global.log_level": "error",
            f"{runtime}intra_op_num_threads": threads,
            f"{runtime}inter_op_num_threads": 1,
        }
    )


def _line(text: str, score: float, box: Any, width: int, height: int) -> Line:
    one, two, three, four = ((_percent(x, width), _percent(y, height)) for x, y in box)
    return Line(text=text.strip(), score=round(float(score), 4), corners=(one, two, three, four))


def _percent(pixel: float, side: int) -> float:
    return round(min(100.0, max(0.0, 100 * float(pixel) / side)), 3)
