"""Models in 8 and 4 bits: what they keep, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import openmolmo
from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.model.checkpoint import load_model, save_model
from openmolmo.model.find import find_model
from openmolmo.model.fingerprint import fingerprint
from openmolmo.model.quantize import Int4Linear, quantize_model


@pytest.fixture
def net():
    return load_model(find_model("nano"))


def logits(model):
    ids = torch.arange(20, 60)[None]
    with torch.inference_mode():
        return model(input_ids=ids).logits


def check(net, kind, off):
    """Blocks are rounded and nothing else, the fingerprint tells, and what cannot be written is not."""
    plain, before = fingerprint(net), logits(net)
    names = [name for name, module in net.named_modules() if isinstance(module, nn.Linear)]
    quantize_model(net, kind)
    assert fingerprint(net) != plain
    changed = (logits(net) - before).norm() / before.norm()
    assert 0 < changed < off, changed
    left = {name for name, module in net.named_modules() if type(getattr(module, "weight", None)) is nn.Parameter}
    rounded = set(names) - left
    assert len(rounded) == 5 * 7
    assert all(name.startswith("decoder.layers") for name in rounded)


def test_four_bits_on_a_processor(net, tmp_path):
    check(net, "int4", off=0.2)  # measured 0.09
    layer = net.decoder.layers[0].mlp.up_proj
    assert isinstance(layer, Int4Linear)
    assert layer.packed.nbytes == layer.in_features * layer.out_features / 2
    with pytest.raises(CheckpointError, match=r"decoder\.layers\.0.* is quantised.*not written"):
        save_model(net, tmp_path / "out")
    with pytest.raises(CheckpointError, match=r"quantised weights are not written"):
        net.save_pretrained(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_eight_bits(net, tmp_path):
    pytest.importorskip("torchao.quantization")
    check(net, "int8", off=0.02)  # measured 0.006
    with pytest.raises(CheckpointError, match="quantised"):
        save_model(net, tmp_path / "out")


def test_what_cannot_be_rounded_is_refused(net):
    with pytest.raises(ConfigError, match="quantize='int3' is not one of int8, int4"):
        openmolmo.load(quantize="int3")
    net.decoder.layers[1].mlp.up_proj = nn.Linear(250, 640, bias=False)
    with pytest.raises(ConfigError, match=r"layers\.1\.mlp\.up_proj has 250 by 640") as caught:
        quantize_model(net, "int4")
    assert "int8" in (caught.value.fix or "")
    net.decoder._hf_hook = object()  # as accelerate leaves it
    with pytest.raises(ConfigError, match="one device"):
        quantize_model(net, "int4")
