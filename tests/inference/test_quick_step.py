"""A step without the library's layers gives the library's logits; a model with anything special keeps the library."""

from __future__ import annotations

import copy

import pytest
import torch
from inference_toys import noise
from torch import nn
from transformers import DynamicCache, LlamaConfig, Qwen2Config, Qwen3Config

from openmolmo.inference import quick_step
from openmolmo.inference.decoding import Decoding
from openmolmo.inference.quick_step import QuickStep
from openmolmo.model.config import MolmoConfig
from openmolmo.model.molmo import Molmo

SIZES = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
}
TEXTS = {
    "qwen2": Qwen2Config(**SIZES, num_key_value_heads=2),
    "qwen2, a key for each query": Qwen2Config(**SIZES, num_key_value_heads=4),
    "llama": LlamaConfig(**SIZES, num_key_value_heads=2),
}


def model_with(text, like):
    torch.manual_seed(0)
    made = Molmo(MolmoConfig(**{**like.config.to_dict(), "text_config": text})).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return made


@pytest.fixture
def prompts(processor):
    asked = ("How many?", "Point to the red star in the picture.", "Describe this image.")
    return [processor.prompt(text, [noise(56, 60 + 30 * i)]) for i, text in enumerate(asked)]


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("count", [1, 3])
def test_logits_are_the_librarys(kind, count, model, prompts):
    net = model_with(TEXTS[kind], model)
    quick, library = (Decoding(net, prompts[:count], room=6) for _ in range(2))
    assert quick._quick is not None
    library._quick = None
    torch.testing.assert_close(quick.start(), library.start())
    for step in range(6):
        ids = torch.full((count, 1), 5 + step)
        torch.testing.assert_close(quick.step(ids), library.step(ids), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", TEXTS)
def test_a_piece_of_a_prompt_is_read_as_the_library_reads_it(kind, model):
    """The second piece, of seven tokens after five, and one of a single token."""
    net = model_with(TEXTS[kind], model)
    embeds = torch.randn(1, 13, SIZES["hidden_size"])
    places = torch.arange(13)[None]
    hidden = torch.zeros(13, 13).masked_fill(places > places.T, torch.finfo(torch.float32).min)[None, None]
    quick, cache = QuickStep.of(net), DynamicCache(config=net.decoder.config)
    for start, end in ((0, 5), (5, 12), (12, 13)):
        with torch.inference_mode():
            found = quick.read(embeds[:, start:end], places[:, start:end], hidden[:, :, start:end, :end], cache)
            expected = net.lm_head(net.decoder(inputs_embeds=embeds[:, :end]).last_hidden_state[:, -1])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_it_goes_on_where_there_was_no_more_room(model, prompts, monkeypatch):
    monkeypatch.setattr(quick_step, "_SPARE", 2)
    quick, library = (Decoding(model, prompts[:1], room=1) for _ in range(2))
    library._quick = None
    for decoding in (quick, library):
        decoding.start()
    for step in range(6):
        ids = torch.tensor([[5 + step]])
        torch.testing.assert_close(quick.step(ids), library.step(ids), rtol=1e-4, atol=1e-5)


def test_rows_that_are_done_leave_it_too(model, prompts):
    quick, library = (Decoding(model, prompts, room=6) for _ in range(2))
    assert quick._quick is not None
    library._quick = None
    for decoding in (quick, library):
        decoding.start()
        decoding.step(torch.tensor([[5], [6], [7]]))
        assert decoding.keep([2, 0])
    ids = torch.tensor([[8], [9]])
    torch.testing.assert_close(quick.step(ids), library.step(ids), rtol=1e-4, atol=1e-5)


class Doubled(nn.Linear):
    def forward(self, input):
        return 2 * super().forward(input)


def test_a_model_with_anything_special_is_left_to_the_library(model):
    def changed(change):
        net = copy.deepcopy(model)
        change(net)
        return QuickStep.of(net)

    def replace(net):
        net.decoder.layers[1].self_attn.v_proj.__class__ = Doubled

    assert QuickStep.of(model) is not None
    assert changed(replace) is None
    assert changed(lambda net: net.decoder.layers[0].mlp.register_forward_hook(lambda *given: None)) is None
    assert changed(lambda net: net.to(torch.bfloat16)) is None
    assert changed(lambda net: net.train()) is None
    qwen3 = model_with(Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=8), model)
    assert QuickStep.of(qwen3) is None
    windows = Qwen2Config(
        **SIZES, num_key_value_heads=2, use_sliding_window=True, sliding_window=8, max_window_layers=0
    )
    assert QuickStep.of(model_with(windows, model)) is None
    stretched = {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    assert QuickStep.of(model_with(LlamaConfig(**SIZES, rope_parameters=stretched), model)) is None
