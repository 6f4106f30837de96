"""A drawn picture becomes a file: one encoder for all generators of scenes, since their bytes must never change."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from openmolmo.core.optional import require
from openmolmo.records.example import ImageRef

cv2 = require("cv2", extra="synth")

__all__ = ["as_jpeg"]

_QUALITY = 90


def as_jpeg(picture: npt.NDArray[np.uint8]) -> ImageRef:
    """The finished picture (height, width, 3: RGB) as a JPEG, with its size and hash."""
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert ok, "OpenCV could not encode a JPEG"
    encoded = data.tobytes()
    height, width = picture.shape[:2]
    return ImageRef(data=encoded, width=width, height=height, sha256=hashlib.sha256(encoded).hexdigest())
