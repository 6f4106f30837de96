"""Answers on every kind of device, with every kind of attention."""

from __future__ import annotations

import contextlib
import copy

import pytest
import torch
from inference_toys import noise

from devices import DEVICES, NEEDS_GPU
from openmolmo.inference.cache import CacheConfig
from openmolmo.inference.decoding import Decoding
from openmolmo.inference.load import load, load_model
from openmolmo.inference.predictor import Predictor
from openmolmo.inference.sampling import Sampling
from openmolmo.model import mask
from openmolmo.model.checkpoint import save_model
from openmolmo.words.requests import Request

pytestmark = pytest.mark.timeout(600)


def requests(count=3):
    words = ["Describe", "Point to the red star, " * 3, "How many?"]
    return [Request(text=words[i], images=(noise(40, 40 + 30 * i, i),), max_new_tokens=6) for i in range(count)]


@pytest.fixture(scope="module")
def calm(model, tmp_path_factory):
    """The folder of a model that does not make much of rounding."""
    net = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.div_(3.0)
    folder = tmp_path_factory.mktemp("calm")
    save_model(net, folder)
    return folder


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("attention", ["sdpa", "eager", "flex_attention"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("bfloat16", 0.03)])
def test_every_attention_gives_the_logits_of_eager_on_a_processor(
    calm, processor, device, attention, dtype, tolerance, monkeypatch
):
    # On a processor FlexAttention is not compiled here: its kernels are not relied on.
    monkeypatch.setattr(mask, "_UNRELIABLE_FLEX", ())
    net = load_model(calm, device=device, dtype=dtype)
    net.set_attn_implementation(attention)
    plain = load_model(calm, device="cpu")
    plain.set_attn_implementation("eager")
    asked = [processor.prompt(request.text, list(request.images)) for request in requests()]
    how = torch.compiler.set_stance("force_eager") if device == "cpu" else contextlib.nullcontext()
    with how:
        decoding, reference = Decoding(net, asked, room=3), Decoding(plain, asked, room=3)
        found, wanted = decoding.start().float().cpu(), reference.start()
        for _ in range(3):
            off = (found - wanted).norm() / wanted.norm()
            assert off < tolerance
            ids = wanted.argmax(-1, keepdim=True)
            found, wanted = decoding.step(ids.to(device)).float().cpu(), reference.step(ids)


@pytest.mark.parametrize("device", DEVICES)
def test_a_loaded_model_answers(model_folder, predictor, device):
    loaded = load(model_folder, device=device, batch_size=2)
    assert loaded.model.device.type == device
    wanted = predictor.answer_batch(requests())
    assert loaded.answer_batch(requests()) == wanted
    pieces = list(loaded.stream(requests()[1]))
    assert pieces[-1].answer == wanted[1]
    loaded.sampling = Sampling(temperature=1.0, top_p=0.9, seed=1)
    assert loaded.answer_batch(requests()) == loaded.answer_batch(requests())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
@pytest.mark.parametrize("where", ["auto", {"": 0}, {"": "cpu", "encoder": 0, "decoder.layers.1": "cuda:0"}], ids=str)
def test_a_model_spread_over_devices_answers(model_folder, predictor, where):
    pytest.importorskip("accelerate")
    assert load(model_folder, device_map=where).answer_batch(requests()) == predictor.answer_batch(requests())


@pytest.mark.parametrize("mode", [pytest.param(mode, marks=NEEDS_GPU) for mode in ("default", "reduce-overhead")])
def test_compiled_steps_give_the_same_tokens_on_an_accelerator(model, processor, predictor, mode):
    cache = CacheConfig(kind="static", compile=mode)
    quick = Predictor(copy.deepcopy(model).to("cuda"), processor, batch_size=4, cache=cache)
    for _ in range(2):  # the second time with kernels that are there
        assert quick.answer_batch(requests()) == predictor.answer_batch(requests())
    torch.compiler.reset()
