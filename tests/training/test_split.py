"""An example that is split by its branches is learnt as it would have been in one piece."""

from __future__ import annotations

import numpy as np
import pytest
import tiny

from openmolmo.data import collate
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import DropoutConfig, RunConfig


def test_parts_have_the_loss_of_the_whole(config: RunConfig) -> None:
    config = config.replace(dropout=DropoutConfig(residual=0.0))
    processor = build_processor(config)
    model = build_model(config, processor)
    example = tiny.squares()[2]
    assert len(example.annotations) == 3
    whole = processor.train(example, np.random.default_rng(0))
    parts = processor.train_parts(example, np.random.default_rng(0), max_length=int(0.7 * len(whole)))
    assert len(parts) > 1
    expected = model(**collate([[whole]]))
    for rows in ([[part] for part in parts], [parts]):  # in rows of their own, or packed again
        found = model(**collate(rows))
        for name in ("ce_sum", "z_sum", "weight_sum"):
            assert getattr(found, name).item() == pytest.approx(getattr(expected, name).item(), rel=1e-5)


def test_without_pixels_there_are_the_same_tokens(config: RunConfig) -> None:
    processor = build_processor(config)
    for number in range(6):
        example = tiny.squares()[number]
        full, text = (processor.train(example, np.random.default_rng(1), pixels=pixels) for pixels in (True, False))
        assert full.input_ids.tolist() == text.input_ids.tolist()
        assert len(full.images) == 1 and not text.images
