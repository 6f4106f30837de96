"""Recipes of full size: the paper's settings, one by one, and what a dry run says of them without any file."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from openmolmo.core.errors import ConfigError, NotRegisteredError
from openmolmo.data.presets import mixture_rates
from openmolmo.training.commands import train
from openmolmo.training.describe import describe
from openmolmo.training.estimate.planned import planned
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.recipe import RECIPES, load_recipe

SIZES = ("1b", "7b_o", "7b_d", "72b")
RATES = {
    "molmo_caption_1b": (6e-6, 2e-4, 2e-5),
    "molmo_caption_7b_o": (6e-6, 2e-4, 2e-5),
    "molmo_caption_7b_d": (6e-6, 2e-4, 2e-5),
    "molmo_caption_72b": (6e-6, 2e-4, 1e-5),
    "molmo_sft_1b": (5e-6, 5e-6, 2e-5),
    "molmo_sft_7b_o": (5e-6, 5e-6, 1e-5),
    "molmo_sft_7b_d": (5e-6, 5e-6, 1e-5),
    "molmo_sft_72b": (3e-6, 3e-6, 5e-6),
    "molmo_sft_high_res_1b": (2e-6, 2e-6, 5e-6),
    "molmo_sft_high_res_7b_o": (2e-6, 2e-6, 5e-6),
    "molmo_sft_high_res_7b_d": (2e-6, 2e-6, 5e-6),
    "molmo_sft_high_res_72b": (2e-6, 2e-6, 5e-6),
}
STEPS = {"molmo_sft_7b_o": 32_000, "molmo_sft_72b": 20_000}
STAGES = {  # steps, images a step, crops, tokens, warm-up, dropout on
    "caption": (22_300, 128, 12, 2304, (2000, 200, 2000), "supervised"),
    "sft": (30_000, 256, 12, 2304, (200, 200, 200), "all"),
    "sft_high_res": (3000, 256, 36, 4096, (200, 200, 200), "all"),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stage", STAGES)
def test_the_papers_settings(stage: str, size: str) -> None:
    name = f"molmo_{stage}_{size}"
    config = load_recipe(name)
    steps, images, crops, tokens, warmup, on = STAGES[stage]
    parts = [config.optimizer.part(part) for part in ("encoder", "connector", "llm")]
    assert tuple(part.lr for part in parts) == RATES[name]
    assert tuple(part.warmup_in(config.steps) for part in parts) == warmup
    assert {part.clip for part in parts} == {1.0}
    assert config.steps == STEPS.get(name, steps)
    assert (config.loader.spans * config.accumulate, config.loader.packing) == (images, False)
    assert (config.crop.max_crops, config.loader.row_length) == (crops, tokens)
    assert (config.dropout.residual, config.dropout.on, config.z_loss) == (0.1, on, 1e-4)
    optimizer = config.optimizer
    assert (optimizer.betas, optimizer.eps, optimizer.weight_decay) == ((0.9, 0.95), 1e-6, 0.0)
    assert (optimizer.final_fraction, optimizer.matrices) == (0.1, "adamw")
    assert config.format.loss_weighting == ("none" if stage == "caption" else "root_branches")
    assert config.format.system_prompt == ("style_and_length" if stage == "caption" else "demo_or_style")
    assert config.freeze == ("embedding",) and config.model == f"molmo_{size}"


def test_each_stage_starts_from_the_one_before() -> None:
    for name in RECIPES:
        config = load_recipe(name)
        before = str(config.init_from or "")
        if name.startswith(("molmo_", "open_", "small_")):
            assert before.startswith("runs/compose/") or before.split("/")[1] in RECIPES


def test_mixtures() -> None:
    caption = load_recipe("molmo_caption_7b_d", root="copies").mixture.groups
    (source,) = caption[0].sources
    assert source.kinds == ("caption", "transcript") and source.options["path"] == "copies/pixmo_cap"
    rates = mixture_rates(load_recipe("molmo_sft_7b_d").mixture)
    assert sum(rates.values()) == pytest.approx(1.0)
    fewer = mixture_rates(load_recipe("molmo_sft_7b_d", mix="paper", without=("android_control",)).mixture)
    assert "android_control" in rates and "android_control" not in fewer
    with pytest.raises(NotRegisteredError, match="paper"):
        load_recipe("molmo_sft_7b_d", mix="papers")


def test_what_is_trained() -> None:
    """All but the base table of embeddings, whose rows the head has of its own."""
    plan = planned(load_recipe("molmo_caption_7b_d"))
    assert sum(plan.sizes.trained.values()) == 8_008_429_056 - 152_064 * 3584
    assert "runs/compose/molmo_7b_d: not on this machine" in plan.weights
    adapters = planned(load_recipe("small_sft_3b")).sizes
    assert adapters.trained["encoder"] == 0 and adapters.trained["connector"] > 4e7
    assert adapters.trained["llm"] == 36 * 64 * (2 * (2048 + 2048) + 2 * (2048 + 512) + 3 * (2048 + 11_008))


def values(name: str, **where: object) -> dict[str, str]:
    tables = describe(load_recipe(name), **where).tables  # type: ignore[arg-type]
    return {str(row[0]): str(row[1]) for _, _, rows in tables for row in rows}


def test_a_dry_run_plans_the_largest_in_no_time() -> None:
    found = values("molmo_sft_72b", gpu="h100")
    assert found["all, with frozen ones"] == "73,295,689,728"
    assert found["pixmo_cap"] == "50,000*"
    assert "it fits" in found["H100 SXM has"]
    assert "assumed" in found["a step on 32 x H100 SXM"]
    assert "does not fit" in values("molmo_sft_72b", gpu="h100", gpus=2)["H100 SXM has"]


def test_gradients_of_the_largest_are_never_whole() -> None:
    config = load_recipe("molmo_caption_72b")
    sharded = {str(row[0]): str(row[1]) for _, _, rows in describe(config, gpus=32, gpu="h100").tables for row in rows}
    parallel = config.parallel.replace(reduce="step")
    whole = describe(config.replace(parallel=parallel), gpus=32, gpu="h100").tables
    kept = {str(row[0]): str(row[1]) for _, _, rows in whole for row in rows}
    assert sharded["gradients"] == "9,006 MB"  # 4 bytes of 72.1e9, by 32
    assert kept["gradients"] == "297.2 GB"  # 4 bytes of 72.1e9, and the same by 32
    with pytest.raises(ConfigError, match=r"parallel.mode=ddp keeps them whole"):
        ParallelConfig(mode="ddp", reduce="batch")


def test_a_checkpoint_holds_weights_and_two_states_of_what_is_trained() -> None:
    assert values("molmo_caption_72b")["checkpoints"].endswith("869.6 GB each")  # 4 bytes of 73.3e9, 8 of 72.1e9


def test_the_number_of_devices_is_one_that_the_run_can_use() -> None:
    assert "each of 128 devices" in str(describe(load_recipe("molmo_caption_72b"), gpu="rtx4090").tables)
    assert (
        values("molmo_caption_72b", gpu="rtx4090")["RTX 4090 has"] == "24.0 GB: it does not fit, nor on fewer or more"
    )
    apart = load_recipe("molmo_caption_1b").replace(parallel=ParallelConfig(mode="hsdp", replicate=4))
    with pytest.raises(ConfigError, match="replicate=4 groups cannot be made of 2"):
        describe(apart, gpus=2)
    with pytest.raises(ConfigError, match=r"parallel.mode=none is for one"):
        describe(load_recipe("small_sft"), gpus=2)
    with pytest.raises(ConfigError, match="is a run of one process"):
        describe(load_recipe("nano_encoder"), gpus=2)


def test_small_recipes_fit_a_consumer_gpu() -> None:
    for name in ("small_caption", "small_sft", "small_caption_3b", "small_sft_3b"):
        found = values(name, gpu="rtx4090")
        assert "it fits" in found["RTX 4090 has"] and "all steps" in found


def test_a_released_model_is_tuned_on_a_consumer_gpu() -> None:
    tuning = load_recipe("finetune_lora", model="allenai/Molmo-7B-D-0924")
    bytes_of = {}
    for kind in ("none", "int8", "nf4"):
        assert tuning.lora is not None
        found = describe(tuning.replace(lora=tuning.lora.replace(quantize=kind)), gpu="rtx4090").tables
        bytes_of[kind] = {str(row[0]): str(row[1]) for _, _, rows in found for row in rows}
    assert "it fits" in bytes_of["nf4"]["RTX 4090 has"]
    assert "does not fit" in bytes_of["none"]["RTX 4090 has"]


def test_the_command_names_devices() -> None:
    result = CliRunner().invoke(train, ["molmo_caption_7b_d", "--dry-run", "--gpu", "a100", "--gpus", "64"])
    assert result.exit_code == 0, result.exception
    assert "each of 64 devices" in " ".join(result.stdout.split()) and "A100" in result.stdout
    with pytest.raises(ConfigError, match="divides it"):
        describe(load_recipe("molmo_caption_7b_d"), gpus=48, gpu="h100")
