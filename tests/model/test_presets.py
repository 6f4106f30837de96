"""Named models and their parts."""

from __future__ import annotations

import pytest
import torch

from openmolmo.model import PRESETS, Molmo, nano, parameter_counts, parameter_groups, save_model
from openmolmo.model.released.settings import written_config


@pytest.fixture(scope="module")
def net() -> Molmo:
    torch.manual_seed(0)
    return Molmo(PRESETS.get("nano")(vocab_size=4096, image_patch_id=4098))


def test_nano_has_the_announced_size(net: Molmo, tmp_path_factory: pytest.TempPathFactory) -> None:
    counts = parameter_counts(net)
    assert counts == {"encoder": 2795136, "connector": 701952, "llm": 5543168}
    folder = tmp_path_factory.mktemp("nano")
    save_model(net, folder, dtype=torch.float16)
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 18.5e6


def test_parts_hold_every_parameter_once(net: Molmo) -> None:
    groups = parameter_groups(net)
    names = [name for part in groups.values() for name in part]
    assert sorted(names) == sorted(name for name, _ in net.named_parameters())
    assert "embedding.extra" in groups["connector"]
    assert "embedding.base.weight" in groups["llm"]
    assert "lm_head.weight" in groups["llm"]


def test_a_fresh_nano_starts_even_handed(net: Molmo) -> None:
    """A new model is near a uniform guess, and its image tokens have a size that is kept."""
    ids = torch.randint(0, 4096, (2, 40), generator=torch.Generator().manual_seed(0))
    out = net.eval()(input_ids=ids, labels=ids, loss_weights=torch.ones(2, 40))
    assert out.loss.item() == pytest.approx(torch.tensor(4096.0).log().item(), abs=0.3)
    with torch.no_grad():
        features = net.image_features(torch.randn(2, 3, 112, 112), None, torch.arange(128).view(32, 4))
    assert features.pow(2).mean(dim=-1).sqrt().tolist() == pytest.approx([1.0] * 32, abs=0.01)


def test_the_patch_id_defaults_to_the_third_special_token() -> None:
    assert nano(500).image_patch_id == 502
    assert nano(500, 503).image_patch_id == 503


FULL = {
    # The published totals hold the encoder's 23rd block too, which nothing reads: 12.6 million.
    "molmo_1b": (7_209_279_488, 2048, 50_282),
    "molmo_7b_o": (7_652_435_968, 4096, 100_280),
    "molmo_7b_d": (8_008_429_056, 3584, 152_066),
    "molmo_72b": (73_295_689_728, 8192, 152_066),
    "open_7b": (7_652_435_968, 4096, 100_354),
    "siglip_smollm3_3b": (3_190_860_032, 2048, 128_258),
    "siglip_qwen3_0_6b": (680_091_904, 1024, 151_938),
}


@pytest.mark.parametrize("name", FULL)
def test_full_sizes_are_built_without_memory(name: str) -> None:
    config = PRESETS.get(name)()
    with torch.device("meta"):
        counts = parameter_counts(Molmo(config))
    assert (sum(counts.values()), config.text_config.hidden_size, config.image_patch_id) == FULL[name]
    assert PRESETS.get(name)(4096, 4099).image_patch_id == 4099


@pytest.mark.parametrize(("name", "family"), [("molmo_7b_d", "qwen2"), ("molmo_7b_o", "olmo2"), ("molmo_1b", "olmoe")])
def test_released_sizes_have_the_released_form(name: str, family: str) -> None:
    """What is trained from such a preset can be written in the released layout."""
    config = PRESETS.get(name)()
    assert config.text_config.model_type == family
    assert (config.vision_config.num_hidden_layers, config.feature_layers) == (23, [-2, -9])
    assert config.pooling_heads * config.pooling_head_dim == config.vision_config.hidden_size
    assert config.projector_hidden == config.text_config.intermediate_size
    written = written_config(config, any_size=False) if name != "molmo_1b" else None
    assert written is None or written["hidden_size"] == config.text_config.hidden_size
