"""Native training checkpoints (config.yaml and model.pt): the same model as the published one, and back to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import yaml
from published_batch import FAMILIES, FIXTURES, ragged

from openmolmo.core.errors import CheckpointError
from openmolmo.model import Molmo, load_config, load_model, load_weights
from openmolmo.model.materialize import empty_model
from openmolmo.model.released import load_released, released_weights, unused_weights
from openmolmo.model.weights import PickledWeights, SafetensorsWeights
from openmolmo.prompting.released import load_processor
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
    monkeypatch.setattr("openmolmo.model.weights._WINDOW", 100_000)  # 195 rows of the table
    for weights, stored in (
        (SafetensorsWeights(pair[0]), load_model(pair[0])),
        (PickledWeights(pair[1]), load_model(pair[1])),
    ):
        table = next(name for name in weights.shapes if name.endswith("wte.embedding"))
        rows = stored.embedding.base.weight
        assert torch.equal(weights.read(table), rows)
        assert torch.equal(weights.read(table, torch.bfloat16, slice(5, 900)), rows[5:900].bfloat16())


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
        (
            {"vision_backbone": {"image_model_type": "vit"}},
            "image_model_type='vit'; known here: 'openai', 'siglip', 'dino'",
        ),
    ],
)
def test_settings_that_are_not_reproduced(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_config(native_folder(tmp_path / "m", **changes))


OTHERS = pytest.mark.parametrize("encoder", ["siglip", "dino"])


def features(stored: dict[str, torch.Tensor], crops: torch.Tensor, kind: str, heads: int = 4) -> list[torch.Tensor]:
    """Outputs of the encoder's blocks, of its weights as they are stored and by its formulas."""
    weights = {name.removeprefix("vision_backbone.image_vit."): tensor for name, tensor in stored.items()}
    patches = crops.unfold(2, 14, 14).unfold(3, 14, 14).permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(1, 2)
    hidden = F.linear(patches, weights["patch_embedding.weight"], weights["patch_embedding.bias"])
    if kind == "dino":
        hidden = torch.cat((weights["class_embedding"].expand(len(crops), 1, -1), hidden), dim=1)
    hidden = hidden + weights["positional_embedding"]
    activation = "none" if kind == "dino" else "tanh"
    found = []
    for n in range(4):
        part = {
            name.split(".", 3)[3]: t for name, t in weights.items() if name.startswith(f"transformer.resblocks.{n}.")
        }

        def linear(x: torch.Tensor, name: str, part: dict[str, torch.Tensor] = part) -> torch.Tensor:
            return F.linear(x, part[f"{name}.weight"], part[f"{name}.bias"])

        def norm(x: torch.Tensor, name: str, part: dict[str, torch.Tensor] = part) -> torch.Tensor:
            return F.layer_norm(x, x.shape[-1:], part[f"{name}.weight"], part[f"{name}.bias"], 1e-6)

        normed = norm(hidden, "attention_norm")
        q, k, v = (linear(normed, f"attention.w{x}").unflatten(-1, (heads, -1)).transpose(1, 2) for x in "qkv")
        attended = linear(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2), "attention.wo")
        hidden = hidden + attended * part.get("lambda1", torch.ones(()))
        inner = F.gelu(linear(norm(hidden, "ffn_norm"), "feed_forward.w1"), approximate=activation)
        hidden = hidden + linear(inner, "feed_forward.w2") * part.get("lambda2", torch.ones(()))
        found.append(hidden[:, 1:] if kind == "dino" else hidden)
    return found


@OTHERS
def test_other_encoders_of_native_checkpoints_give_their_features(encoder: str, tmp_path: Path) -> None:
    folder = native_folder(tmp_path / "m", encoder=encoder)
    net = load_model(folder)
    crops = torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(1))
    blocks = features(torch.load(folder / "model.pt", weights_only=True), crops, encoder)
    with torch.no_grad():
        torch.testing.assert_close(net.encoder(crops), torch.cat((blocks[-2], blocks[-4]), -1), rtol=1e-4, atol=1e-4)


@OTHERS
@pytest.mark.parametrize("family", FAMILIES)
def test_other_encoders_there_and_back_to_the_bit(encoder: str, family: str, tmp_path: Path) -> None:
    folder = native_folder(tmp_path / "m", family, encoder=encoder)
    stored = torch.load(folder / "model.pt", weights_only=True)
    net = load_released(folder)
    back = released_weights(net, unused_weights(folder), layout="native")
    assert back.keys() == stored.keys()
    assert all(torch.equal(back[name], stored[name]) for name in stored)
    with pytest.raises(CheckpointError, match=f"published layout has no encoder of type '{encoder}"):
        released_weights(net)


@OTHERS
def test_their_crops_are_stretched_and_normalised_as_in_their_training(encoder: str, tmp_path: Path) -> None:
    folder = native_folder(tmp_path / "m", encoder=encoder, overlap_margins=[2, 2])
    crop = load_processor(folder, FIXTURES.parent / "prompting" / "tokenizer").crop
    assert (crop.resize, crop.normalize) == {"siglip": ("siglip", "siglip"), "dino": ("dinov2", "imagenet")}[encoder]


def test_encoders_that_are_not_reproduced(tmp_path: Path) -> None:
    whole = native_folder(tmp_path / "m", encoder="dino")
    values = yaml.safe_load((whole / "config.yaml").read_text())
    vision = values["model"]["vision_backbone"]
    for changes, message in (
        ({"image_mlp_dim": 100}, "image_mlp_dim=100 is not a multiple of image_emb_dim=64"),
        ({"image_num_pos": 577}, "image_num_pos=577; known here: 65"),
        ({"image_num_key_value_heads": 2}, "image_num_key_value_heads=2; known here: 4"),
    ):
        changed = values | {"model": values["model"] | {"vision_backbone": vision | changes}}
        (whole / "config.yaml").write_text(yaml.safe_dump(changed))
        with pytest.raises(CheckpointError, match=message):
            load_config(whole)


def test_windows_laid_side_by_side_have_no_weights_of_pooling(tmp_path: Path) -> None:
    folder = native_folder(tmp_path / "m", image_pooling_2d="stack")
    stored = torch.load(folder / "model.pt", weights_only=True)
    stored = {name: tensor for name, tensor in stored.items() if ".image_pooling_2d." not in name}
    for name in ("w1", "w3"):
        key = f"vision_backbone.image_projector.{name}.weight"
        stored[key] = torch.randn(len(stored[key]), 4 * 2 * 64)
    torch.save(stored, folder / "model.pt")
    back = released_weights(load_released(folder), unused_weights(folder), layout="native")
    assert back.keys() == stored.keys()
    assert all(torch.equal(back[name], stored[name]) for name in stored)


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
