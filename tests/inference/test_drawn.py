"""What the bundled model knows is drawn; a picture that is not is told apart by its colours and size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.inference import running
from openmolmo.inference.drawn import looks_drawn


def like_a_photograph(width: int, height: int, *, grey: bool = False) -> np.ndarray:
    """Colours whose spectrum falls as that of photographs does: by the distance from its middle."""
    rng = np.random.default_rng(0)
    distance = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    distance[0, 0] = 1
    planes = []
    for _ in range(3):
        plane = np.fft.ifft2(np.fft.fft2(rng.normal(size=(height, width))) / distance).real
        planes.append((plane - plane.min()) / np.ptp(plane) * 255)
    return np.stack([planes[0]] * 3 if grey else planes, axis=-1).astype(np.uint8)


@pytest.mark.parametrize("generator", ["scenes", "easy_scenes", "clocks"])
@pytest.mark.parametrize("size", [192, 256, 400])
def test_drawings_are_known_for_what_they_are(generator: str, size: int) -> None:
    for index in range(8):
        example = make_example(GENERATORS.get(generator), 7, index, size=size, split="test")
        assert example.image is not None and example.image.data is not None
        assert looks_drawn(np.asarray(Image.open(io.BytesIO(example.image.data)).convert("RGB"))), index


def test_photographs_are_not_drawings() -> None:
    for size in ((700, 500), (300, 260)):
        assert not looks_drawn(like_a_photograph(*size))
        assert not looks_drawn(like_a_photograph(*size, grey=True))
    assert looks_drawn(like_a_photograph(90, 60))  # too small to tell
    lines = np.full((500, 700, 3), 255, np.uint8)
    lines[::25, :, :] = 0
    assert looks_drawn(lines) and looks_drawn(np.zeros((400, 400, 3), np.uint8))


def test_it_is_said_once_and_of_a_bundled_model_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("openmolmo.model.find.bundled_models", lambda: ["nano"])
    photo, drawing = like_a_photograph(640, 480), np.zeros((480, 640, 3), np.uint8)
    running._note_photographs("nano", [("a.jpg", photo), ("b.jpg", drawing), ("c.jpg", photo)])
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("note: a.jpg does not look drawn (nor 1 more), and nano has seen")
    running._note_photographs("nano", [("b.jpg", drawing)])
    running._note_photographs("runs/mine", [("a.jpg", photo)])
    assert capsys.readouterr().err == ""
