"""Work, memory and traffic, counted from sizes: against what is known, and against what torch itself counts."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from openmolmo.core.errors import ConfigError
from openmolmo.data import Loader
from openmolmo.model.molmo import Molmo
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import RunConfig
from openmolmo.training.estimate.gpus import find_gpu, gpu_called
from openmolmo.training.estimate.planned import planned
from openmolmo.training.estimate.traffic import Traffic, traffic
from openmolmo.training.estimate.work import Load, Work
from openmolmo.training.lora_config import LoraConfig


def counted(model: Molmo, tensors: dict[str, torch.Tensor], *, backward: bool) -> float:
    with FlopCounterMode(display=False) as counter:
        output = model(**tensors)
        if backward:
            output.loss.backward()
    return float(counter.get_total_flops())


def test_work_is_what_torch_counts(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)  # the counter does not know its products
    processor = build_processor(config)
    model = build_model(config, processor).eval()
    model.decoder.set_attn_implementation("eager")
    with Loader(config.mixture, processor, config.loader, seed=0) as loader:
        tensors = loader.next().tensors
    rows, length = tensors["input_ids"].shape
    load = Load(
        tokens=rows * length,
        pairs=rows * length**2,  # eager attention computes all of them
        crops=len(tensors["crops"]),
        image_tokens=len(tensors["pooled_patches"]),
        learnt=float((tensors["loss_weights"] > 0).sum()),
    )
    work = Work(model)
    assert work.factors == dict.fromkeys(("encoder", "connector", "llm"), 3.0)
    assert sum(work.forward(load).values()) == pytest.approx(counted(model, tensors, backward=False), rel=0.15)
    assert work.total(load) == pytest.approx(counted(model, tensors, backward=True), rel=0.15)


def test_frozen_parts_cost_less(config: RunConfig) -> None:
    def factors(**changes: object) -> dict[str, float]:
        return planned(config.replace(**changes)).work.factors

    assert factors(freeze=("encoder",))["encoder"] == 1.0
    assert factors(freeze=("encoder",))["connector"] == 3.0
    assert factors(freeze=("llm",))["llm"] == 2.0  # the way back to the connector
    assert factors(freeze=("encoder", "connector"))["connector"] == 1.0
    tuned = config.replace(init_from="nano", tokenizer=None, crop=None, lora=LoraConfig(rank=2, targets=("attention",)))
    found = planned(tuned).work.factors
    assert (found["encoder"], found["connector"]) == (1.0, 1.0) and 2.0 < found["llm"] < 2.1


def test_a_seven_billion_model_costs_six_operations_a_weight_and_token() -> None:
    from openmolmo.training.recipe import load_recipe

    plan = planned(load_recipe("molmo_caption_7b_d"))
    llm = plan.work.step(plan.row)["llm"]
    weights = 7_615_616_512 - 2 * 152_064 * 3584  # without both tables
    assert llm == pytest.approx(6 * weights * 2304, rel=0.1)
    assert plan.work.forward(plan.row)["encoder"] == pytest.approx(2 * 278e6 * 576 * 13, rel=0.15)


def test_traffic() -> None:
    assert traffic("none", 8, every=1e9, trained=1e9) == traffic("fsdp", 1, every=1e9, trained=1e9) == Traffic()
    assert traffic("ddp", 2, every=1e9, trained=1e9) == Traffic(near=4e9)
    assert traffic("fsdp", 4, every=1e9, trained=1e9) == Traffic(near=0.75 * 8e9)
    spread = traffic("fsdp", 64, every=1e9, trained=0.0, batches=2)
    assert spread.near == pytest.approx(2 * 63 / 64 * 4e9) and spread.far == pytest.approx(spread.near / 8)
    often = traffic("fsdp", 4, every=1e9, trained=1e9, batches=3, reduces=3)
    assert often == Traffic(near=0.75 * 3 * 8e9)
    hybrid = traffic("hsdp", 64, every=1e9, trained=1e9, replicate=8)
    assert hybrid.near == pytest.approx(7 / 8 * 8e9) and hybrid.far == pytest.approx(2 * 7 / 8 * 4e9 / 8)
    assert hybrid.seconds(near=7e9, far=0.875e9) == pytest.approx(2.0)


def test_gpus_by_name() -> None:
    assert find_gpu("NVIDIA RTX 4090") is find_gpu("4090") is find_gpu("rtx-4090")
    assert gpu_called("NVIDIA H100 80GB HBM3") is find_gpu("h100") and gpu_called("Quadro K600") is None
    with pytest.raises(ConfigError, match="h100"):
        find_gpu("abacus")
