"""Native training checkpoints (config.yaml and model.pt): the same model as the published one, and back to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from published_batch import FAMILIES, FIXTURES, ragged

from openmolmo.core.errors import CheckpointError
from openmolmo.model import Molmo, load_config, load_model, load_weights
from openmolmo.model.filling import empty_model
from openmolmo.model.released import load_released, released_weights, unused_weights
from openmolmo.model.weights import PickledWeights, SafetensorsWeights
from released_toys import native_folder


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same weights in the published and in the native layout."""
    family = str(request.param)
    return FIXTURES / family, native_folder(tmp_path_factory.mktemp("native") / family, family)


def test_native_and_published_are_the_same_model(pair: tuple[Path, Path]) -> None:
    published, native = (load_model(folder) for folder in pair)
    assert native.config.to_dict() == published.config.to_dict()
    batch, _ = ragged("inference")
    inputs = {key: value for key, value in batch.items() if key not in ("labels", "loss_weights")}
    with torch.no_grad():
        assert torch.equal(native(**inputs).logits, published(**inputs).logits)


def test_there_and_back_to_the_bit(pair: tuple[Path, Path]) -> None:
    stored = torch.load(pair[1] / "model.pt", weights_only=True)
    unused = unused_weights(pair[1])
    assert len(unused) == 16  # the last block of the encoder
    back = released_weights(load_released(pair[1]), unused, layout="native")
    assert back.keys() == stored.keys()
    assert all(torch.equal(back[name], stored[name]) for name in stored)


def test_weights_of_any_layout_go_into_a_model_in_training(pair: tuple[Path, Path]) -> None:
    for folder in pair:
        net: Molmo = Molmo(load_config(folder))
        load_weights(net, folder)
        assert all(torch.equal(a, b) for a, b in zip(net.parameters(), load_model(pair[0]).parameters(), strict=True))


def test_reading_in_small_pieces_gives_the_same(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmolmo.model.weights._WINDOW", 1000)
    for weights, stored in (
        (SafetensorsWeights(pair[0]), load_model(pair[0])),
        (PickledWeights(pair[1]), load_model(pair[1])),
    ):
        table = next(name for name in weights.shapes if name.endswith("wte.embedding"))
        rows = stored.embedding.base.weight
        assert torch.equal(weights.read(table), rows)
        assert torch.equal(weights.read(table, torch.bfloat16, slice(5, 40)), rows[5:40].bfloat16())


def test_an_empty_model_has_no_memory_but_its_buffers(pair: tuple[Path, Path]) -> None:
    config = load_config(pair[0])
    empty, whole = empty_model(config), Molmo(config)
    assert all(parameter.is_meta for parameter in empty.parameters())
    assert {n: p.shape for n, p in empty.named_parameters()} == {n: p.shape for n, p in whole.named_parameters()}
    assert all(torch.equal(a, b) for a, b in zip(empty.buffers(), whole.buffers(), strict=True))
    assert not any(parameter.is_meta for parameter in torch.nn.Linear(2, 2).parameters())


def test_what_is_no_native_checkpoint(tmp_path: Path) -> None:
    folder = native_folder(tmp_path / "m")
    weights = (folder / "model.pt").read_bytes()
    for content, message in (
        (weights[:30_000], r"damaged or cut short \(30000 bytes\)"),
        (b"", r"damaged or cut short|holds more than tensors"),
    ):
        (folder / "model.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match=message):
            load_model(folder)
    torch.save({"weights": torch.ones(2), "run": Path("x")}, folder / "model.pt")
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        load_model(folder)
    torch.save([torch.ones(2)], folder / "model.pt")
    with pytest.raises(CheckpointError, match="no table of tensors"):
        load_model(folder)
    torch.save({"transformer.ln_f.weight": torch.ones(2)}, folder / "model.pt")
    with pytest.raises(CheckpointError, match=r"wte.embedding \[1024, 128\] is missing"):
        load_model(folder)
    (folder / "model.pt").unlink()
    with pytest.raises(CheckpointError, match=r"has no model\.pt"):
        load_model(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_type": "llama"}, "block_type='llama'; known here: 'sequential', 'moe'"),
        ({"activation_type": "gelu"}, "activation_type='gelu'; known here: 'swiglu'"),
        ({"image_projector": "linear"}, "image_projector='linear'"),
        ({"norm_after": True}, "norm_after"),
        ({"vision_backbone": {"image_model_type": "dino"}}, "image_model_type='dino'"),
    ],
)
def test_settings_that_are_not_reproduced(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_config(native_folder(tmp_path / "m", **changes))


def test_files_that_are_no_settings(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("model: [")
    with pytest.raises(CheckpointError, match="not readable YAML"):
        load_config(tmp_path)
    (tmp_path / "config.yaml").write_text("a: !!python/object/apply:os.getcwd []")
    with pytest.raises(CheckpointError, match="not readable YAML"):
        load_config(tmp_path)
    (tmp_path / "config.yaml").write_text("optimizer: {}")
    with pytest.raises(CheckpointError, match="no section 'model'"):
        load_config(tmp_path)


def test_numbers_in_either_spelling(tmp_path: Path) -> None:
    folder = native_folder(tmp_path / "m")
    values = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text(json.dumps(values).replace('"layer_norm_eps": 1e-06', '"layer_norm_eps": 1e-6'))
    assert load_config(folder).text_config.rms_norm_eps == 1e-6
