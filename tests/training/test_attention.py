"""How attention is computed is a setting of the run, not of the model that comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from openmolmo.core.errors import ConfigError
from openmolmo.training.build import pick_attention
from openmolmo.training.config import RunConfig
from openmolmo.training.loop import Trainer


def test_the_choice_follows_the_device(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_attention(config, torch.device("cpu")) == "eager"
    assert pick_attention(config.replace(attention="sdpa"), torch.device("cpu")) == "sdpa"
    for triton, expected in ((True, "flex_attention"), (False, "sdpa")):
        monkeypatch.setattr("openmolmo.training.build.has_triton", lambda found=triton: found)
        assert pick_attention(config, torch.device("cuda")) == expected
    assert pick_attention(config.replace(attention="eager"), torch.device("cuda")) == "eager"


def test_flex_attention_cannot_learn_on_a_processor(config: RunConfig) -> None:
    with pytest.raises(ConfigError, match="no backward pass on a processor"):
        pick_attention(config.replace(attention="flex_attention"), torch.device("cpu"))


def test_the_choice_is_told_once(
    config: RunConfig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pick_attention(config, torch.device("cpu"))
    monkeypatch.setenv("RANK", "1")  # another process of the same run
    pick_attention(config, torch.device("cpu"))
    assert capsys.readouterr().err == "attention: eager on cpu\n"


def test_the_choice_reaches_the_model_and_changes_no_loss(config: RunConfig, tmp_path: Path) -> None:
    losses = []
    for kind in ("eager", "sdpa"):
        trainer = Trainer.start(config.replace(attention=kind), tmp_path / kind, None)
        assert trainer.model.decoder.config._attn_implementation == kind
        losses.append(trainer.take_step()["loss"])
        trainer.save(wait=True)
        assert kind not in (tmp_path / kind / "step-1/config.json").read_text(encoding="utf-8")
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
