"""Classes made for the library's objects: what is built of them can be copied, pickled and saved whole."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

from openmolmo.inference.load import load_model
from openmolmo.model.molmo import Molmo


def _saved_whole(model: Molmo) -> Any:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


WAYS: dict[str, Callable[[Molmo], Any]] = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "torch.save": _saved_whole,
}


@pytest.fixture(scope="module")
def nano() -> Molmo:
    return load_model("nano")


@pytest.mark.parametrize("way", WAYS)
def test_a_model_survives(nano: Molmo, way: str) -> None:
    other = WAYS[way](nano)
    assert [type(module) for module in other.modules()] == [type(module) for module in nano.modules()]
    pixels = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    ids = torch.arange(9)[None]
    with torch.inference_mode():
        assert torch.equal(other.encoder(pixels), nano.encoder(pixels))
        assert torch.equal(other(input_ids=ids).logits, nano(input_ids=ids).logits)
    # its parameters are its own: what is learnt here is not learnt there
    other.decoder.layers[0].mlp.up_proj.weight.data.zero_()
    assert nano.decoder.layers[0].mlp.up_proj.weight.any()
