"""Pictures by the features of a vision encoder, as the studio asks for them by name."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from openmolmo.engine.studio.importing.descriptors import descriptor
from openmolmo.engine.studio.importing.order import farthest_first


def drawn(colour: str, size: tuple[int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def test_the_encoder_of_a_model_tells_pictures_apart() -> None:
    describe = descriptor("encoder:nano")
    pictures = [drawn("red", (64, 64)), drawn("darkred", (64, 64)), drawn("blue", (96, 48))]
    features = describe(pictures)
    assert features.shape[0] == 3
    assert np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    assert farthest_first(features[1:], settled=features[:1])[0] == 1
    assert np.allclose(describe(pictures[2:]), features[2:], atol=1e-5)
    assert describe([]).shape == (0, features.shape[1])
