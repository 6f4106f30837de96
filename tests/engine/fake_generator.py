"""A tiny generator in a module of its own, so that spawned workers can import it."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass

import numpy as np
from PIL import Image

from openmolmo.core.files import sha256_bytes
from openmolmo.records.example import Example, ImageRef, Made, Point, Pointing, Provenance


@dataclass
class FakeGenerator:
    """Noise pictures with one random point; may be slow, or fail at one index."""

    name: str = "fake"
    version: str = "1"
    seconds: float = 0.0
    fail_at: int | None = None
    error: type[Exception] = RuntimeError

    def make(self, rng: np.random.Generator, index: int, *, size: int, split: str) -> Example:
        if index == self.fail_at:
            raise self.error("the generator broke")
        time.sleep(self.seconds)
        stream = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (size, size, 3), dtype=np.uint8)).save(stream, "JPEG")
        data = stream.getvalue()
        x, y = (float(value) for value in rng.uniform(0, 100, 2).round(1))
        return Example(
            id=f"fake-{split}-{index:08d}",
            image=ImageRef(data=data, width=size, height=size, sha256=sha256_bytes(data)),
            annotations=(Pointing(label="dot", points=(Point(x, y),)),),
            provenance=Provenance(dataset="fake", licence="CC0-1.0", made={"pointing": (Made.PROGRAM,)}),
            split=split,  # type: ignore[arg-type]
            facts={"x": x},
        )
