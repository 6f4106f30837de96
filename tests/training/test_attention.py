"""How attention is computed is a setting of the run, not of the model that comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from openmolmo.training.build import pick_attention
from openmolmo.training.config import RunConfig
from openmolmo.training.loop import Trainer


def test_the_choice_is_eager_on_a_processor_only(config: RunConfig) -> None:
    assert pick_attention(config, torch.device("cpu")) == "eager"
    assert pick_attention(config, torch.device("cuda")) == "sdpa"
    assert pick_attention(config.replace(attention="sdpa"), torch.device("cpu")) == "sdpa"


def test_the_choice_reaches_the_model_and_changes_no_loss(config: RunConfig, tmp_path: Path) -> None:
    losses = []
    for kind in ("eager", "sdpa"):
        trainer = Trainer.start(config.replace(attention=kind), tmp_path / kind, None)
        assert trainer.model.decoder.config._attn_implementation == kind
        losses.append(trainer.take_step()["loss"])
        assert kind not in (trainer.save() / "config.json").read_text(encoding="utf-8")
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
