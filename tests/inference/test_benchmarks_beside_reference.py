"""The benchmarks of pictures and of decoding run, and give the public implementation what it takes."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from openmolmo.imaging import CropConfig, Crops, make_plan
from openmolmo.model.released import load_released
from openmolmo.prompting import FormatConfig, Processor, TextTokenizer
from openmolmo.prompting.sequence import Tokens
from openmolmo.training.build import BUNDLED_TOKENIZER

sys.path.append(str(Path(__file__).parents[1] / "model"))
from published_batch import FIXTURES, ragged, recorded

IM_PATCH = 1026


@pytest.fixture(scope="module")
def benchmarks():
    """The scripts as modules."""
    folder = Path(__file__).parents[2] / "benchmarks"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)  # as when one of them is run
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in ("imaging", "decode", "reference")})
        for name in ("imaging", "decode", "reference", "surroundings"):
            sys.modules.pop(name, None)


def one_prompt_each():
    """The recorded batch as prompts of ours."""
    batch, places = ragged("inference")
    patches = batch["patch_mask"].shape[1]
    made = []
    for row, ids in enumerate(batch["input_ids"]):
        real = (batch["example_ids"][row] >= 0).numpy()
        mine = (places["crop_rows"][:, 0] == row).numpy()
        windows = batch["pooled_patches"][places["windows"][:, 0] == row].numpy()
        first = int((places["crop_rows"][:, 0] < row).sum()) * patches
        image = Crops(batch["crops"].numpy()[mine], batch["patch_mask"].numpy()[mine], windows - first)
        nothing = np.zeros(int(real.sum()), np.int64)
        made.append(
            Tokens(
                input_ids=ids.numpy()[real],
                position_ids=nothing,
                branch_ids=nothing,
                labels=nothing,
                loss_weights=nothing.astype(np.float32),
                images=[image],
            )
        )
    return made


def test_the_references_batch_is_the_recorded_one(benchmarks):
    made = benchmarks.reference.reference_batch(one_prompt_each(), IM_PATCH)
    inputs = recorded("inputs")
    assert np.array_equal(made["input_ids"], inputs["inference.input_ids"])
    crops = inputs["inference.crops"]
    missing = crops < 0
    assert np.array_equal(made["images"][~missing], inputs["crops"][crops[~missing]])
    assert (made["images"][missing] == -1).all()
    assert np.array_equal(made["image_masks"], inputs["inference.image_masks"])
    places = inputs["inference.image_input_idx"]
    assert np.array_equal(made["image_input_idx"].numpy().clip(min=-1), places.clip(min=-1))


def test_the_references_weights_are_ours(benchmarks, monkeypatch, tmp_path):
    """A stand-in that takes settings and weights by the names of the public implementation."""
    net, made = load_released(FIXTURES / "qwen2_like"), {}

    class Theirs(torch.nn.Module):
        def __init__(self, config, init_params):
            super().__init__()
            made["settings"] = vars(config)

        def load_state_dict(self, state):
            made["state"] = state

    kinds = SimpleNamespace(quick_gelu="quick_gelu", rms="rms", attention_meanq="attention-meanq")
    settings = SimpleNamespace(
        VisionBackboneConfig=SimpleNamespace,
        ModelConfig=SimpleNamespace,
        ActivationType=kinds,
        LayerNormType=kinds,
        ImagePooling2DType=kinds,
    )
    monkeypatch.setattr(benchmarks.reference, "open_reference", lambda path, name: SimpleNamespace(Molmo=Theirs))
    monkeypatch.setitem(sys.modules, "olmo.config", settings)
    benchmarks.reference.reference_model(tmp_path, net)
    assert made["settings"]["vit_layers"] == tuple(net.config.feature_layers[i] + 1 for i in range(2))
    assert made["settings"]["mlp_hidden_size"] == 384
    assert made["settings"]["image_padding_embed"] == "pad_and_partial_pad"
    assert torch.equal(made["state"]["transformer.ln_f.weight"], net.decoder.norm.weight)


def test_a_checkout_that_cannot_be_used_is_explained(benchmarks, monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match=r"has no olmo/model\.py; give a checkout"):
        benchmarks.reference.open_reference(tmp_path, "model")
    (tmp_path / "olmo").mkdir()
    (tmp_path / "olmo" / "model.py").write_text("from .nowhere import nothing")
    monkeypatch.setattr(benchmarks.reference, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install einops omegaconf"):
        benchmarks.reference.open_reference(tmp_path, "model")
    monkeypatch.setattr(benchmarks.reference, "find_spec", lambda name: name)
    with pytest.raises(SystemExit, match=r"cannot be imported beside torch .*nowhere"):
        benchmarks.reference.open_reference(tmp_path, "model")
    for name in [name for name in sys.modules if name.partition(".")[0] == "olmo"]:
        del sys.modules[name]


def test_both_measure_us_alone(benchmarks, monkeypatch, capsys):
    row = benchmarks.imaging.measure("toy", 90, 60, CropConfig(crop_size=56, margins=(0, 0), max_crops=2), 0.01, None)
    assert row["crops"] == make_plan(90, 60, CropConfig(crop_size=56, margins=(0, 0), max_crops=2)).n_crops
    assert row["exact_per_second"] > 0 and "reference_per_second" not in row
    monkeypatch.setattr(benchmarks.decode, "NEW_TOKENS", 2)
    tokenizer = TextTokenizer.from_pretrained(BUNDLED_TOKENIZER)
    processor = Processor(tokenizer, CropConfig(crop_size=112, margins=(2, 2), max_crops=6), FormatConfig())
    models = benchmarks.decode.Models(benchmarks.decode.make_model(tokenizer.special.im_patch))
    row = benchmarks.decode.measure(models, benchmarks.decode.make_prompts(processor)[:2], 1)
    benchmarks.decode.show(row)
    assert row["ratio_to_library"] > 0 and "x the library" in capsys.readouterr().out
