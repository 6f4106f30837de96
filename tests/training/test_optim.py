"""Each part of the model has its own learning rate and is clipped by its own norm."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import Dinov2Config

from openmolmo.core.errors import ConfigError
from openmolmo.model import Molmo
from openmolmo.model.components import part_of
from openmolmo.model.encoders import find_encoder
from openmolmo.model.released.load import load_released, released_weights
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import PARTS, OptimizerConfig, PartConfig, RunConfig
from openmolmo.training.muon import Muon
from openmolmo.training.optim import Optimizer, matrices_of, trained_parameters, undecayed_of
from released_toys import FIXTURES

SETTINGS = OptimizerConfig(
    encoder=PartConfig(lr=1e-3, warmup=10, clip=1.0),
    connector=PartConfig(lr=2e-3, warmup=0, clip=0.5),
    llm=PartConfig(lr=4e-3, warmup=2, clip=1e9),
)


@pytest.fixture
def model(config: RunConfig) -> Molmo:
    return build_model(config, build_processor(config))


def test_norms_are_clipped_part_by_part(model: Molmo) -> None:
    parameters = trained_parameters(model, SETTINGS)
    for part, size in zip(PARTS, (3.0, 0.1, 50.0), strict=True):
        count = sum(p.numel() for p in parameters[part])
        for p in parameters[part]:
            p.grad = torch.full_like(p, size / count**0.5)
    optimizer = Optimizer(parameters, SETTINGS, steps=100)
    assert optimizer.clip() == pytest.approx({"encoder": 3.0, "connector": 0.1, "llm": 50.0}, rel=1e-4)
    after = {
        part: float(torch.cat([p.grad.flatten() for p in members if p.grad is not None]).norm())
        for part, members in parameters.items()
    }
    assert after == pytest.approx({"encoder": 1.0, "connector": 0.1, "llm": 50.0}, rel=1e-4)


def test_all_gradients_can_be_clipped_by_one_norm(model: Molmo) -> None:
    together = SETTINGS.replace(clipping="global")
    parameters = trained_parameters(model, together)
    for part, size in zip(PARTS, (3.0, 0.0, 4.0), strict=True):
        count = sum(p.numel() for p in parameters[part])
        for p in parameters[part]:
            p.grad = torch.full_like(p, size / count**0.5)
    assert Optimizer(parameters, together, steps=100).clip() == pytest.approx({"encoder": 3, "connector": 0, "llm": 4})
    after = {
        part: float(torch.cat([p.grad.flatten() for p in members if p.grad is not None]).norm())
        for part, members in parameters.items()
    }
    assert after == pytest.approx({"encoder": 0.3, "connector": 0, "llm": 0.4}, rel=1e-4)  # 5 in all, 0.5 is the least


def test_the_norm_of_a_part_does_not_depend_on_how_it_is_cut() -> None:
    generator = torch.Generator().manual_seed(0)
    whole = torch.nn.Parameter(torch.zeros(1 << 20))
    whole.grad = torch.randn(1 << 20, generator=generator) * 1e-3
    halves = [torch.nn.Parameter(half.clone()) for half in whole.detach().chunk(2)]
    for half, gradient in zip(halves, whole.grad.chunk(2), strict=True):
        half.grad = gradient.clone()
    norms = [Optimizer({"llm": members}, SETTINGS, steps=100).clip()["llm"] for members in ([whole], halves)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-12)


def test_a_model_of_which_nothing_is_trained_is_refused(model: Molmo) -> None:
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(ConfigError, match="nothing would be trained"):
        trained_parameters(model, SETTINGS)


def test_rates_differ_by_part_and_reach_the_weights(model: Molmo) -> None:
    parameters = trained_parameters(model, SETTINGS)
    optimizer = Optimizer(parameters, SETTINGS, steps=100)
    before = {part: members[0].detach().clone() for part, members in parameters.items()}
    for members in parameters.values():
        for p in members:
            p.grad = torch.ones_like(p)
    rates = optimizer.update(1)
    expected = {"encoder": 1e-4, "connector": 2e-3, "llm": 2e-3}
    assert rates == pytest.approx(expected, rel=1e-3)
    for part, members in parameters.items():  # Adam's first step moves every weight by the rate
        moved = (before[part] - members[0].detach()).abs().mean()
        assert moved.item() == pytest.approx(expected[part], rel=0.02)
        assert members[0].grad is None


def test_a_part_with_rate_0_is_frozen(model: Molmo) -> None:
    frozen = SETTINGS.replace(encoder=PartConfig(lr=0.0))
    parameters = trained_parameters(model, frozen)
    assert set(parameters) == {"connector", "llm"}
    assert not any(p.requires_grad for p in model.encoder.parameters())
    assert Optimizer(parameters, frozen, steps=10).rates(10).keys() == {"connector", "llm"}


def test_parts_cover_every_parameter_once(model: Molmo) -> None:
    members = [p for part in trained_parameters(model, SETTINGS).values() for p in part]
    assert len({id(p) for p in members}) == len(members) == len(list(model.parameters()))


def test_muon_takes_the_matrices_and_adamw_the_rest(model: Molmo) -> None:
    settings = SETTINGS.replace(matrices="muon", muon_scale=2.0)
    parameters = trained_parameters(model, settings)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    torch.manual_seed(0)
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    Optimizer(parameters, settings, steps=100, matrices=matrices_of(model)).update(50)
    rates = Optimizer(parameters, settings, steps=100).rates(50)
    for name, p in model.named_parameters():
        moved = (p.detach() - before[name]).square().mean().sqrt().item()
        if ("layers." in name or "pool." in name or "projector." in name) and p.ndim == 2:
            assert moved == pytest.approx(2 * 0.2 * rates[part_of(name)], rel=0.35), name  # as large as Adam's, twice
        else:  # Adam's first step moves every weight by the rate
            assert moved == pytest.approx(rates[part_of(name)], rel=0.02), name


@pytest.mark.parametrize("capability", ["AVX2", "AVX512"])
def test_the_state_of_both_optimisers_goes_on_exactly(
    model: Molmo, capability: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    settings = SETTINGS.replace(matrices="muon")

    def step(optimizer: Optimizer, number: int) -> None:
        torch.manual_seed(number)
        for p in model.parameters():
            p.grad = torch.randn_like(p)
        optimizer.update(number)

    first = Optimizer(trained_parameters(model, settings), settings, 10, matrices_of(model))
    step(first, 1)
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(first.state_dict())
    step(first, 2)
    expected = copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    second = Optimizer(trained_parameters(model, settings), settings, 10, matrices_of(model))
    second.load_state_dict(state)
    step(second, 2)
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


def orthogonal_in_float64(matrix: Tensor) -> Tensor:
    a, b, c = 3.4445, -4.7750, 2.0315
    made = matrix.double() / matrix.double().norm()
    for _ in range(5):
        square = made @ made.T
        made = a * made + (b * square + c * square @ square) @ made
    return made


class Types(TorchDispatchMode):
    """Notes the types in which matrices are multiplied."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
            self.seen.add(args[0].dtype)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")


@pytest.mark.parametrize("shape", [(48, 80), (80, 48), (64, 64)])
@pytest.mark.usefixtures("no_bfloat16")
def test_without_bfloat16_in_the_processor_muon_computes_in_float32(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(shape))
    weight.grad = torch.randn(shape)
    before = weight.detach().double()
    muon = Muon([{"params": [weight], "lr": 0.1, "weight_decay": 0.5}], momentum=0.9)
    with Types() as types:
        muon.step()
    assert types.seen == {torch.float32}
    gradient = weight.grad * (0.1 * 0.9 + 0.1)  # Nesterov's, after the first step
    wanted = before * (1 - 0.1 * 0.5) - 0.1 * 0.2 * max(shape) ** 0.5 * orthogonal_in_float64(gradient)
    torch.testing.assert_close(weight.detach().double(), wanted, rtol=0, atol=2e-6)


def test_with_bfloat16_in_the_processor_muon_is_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    torch.manual_seed(0)
    first = torch.nn.Parameter(torch.randn(48, 80))
    second = torch.nn.Parameter(first.detach().clone())
    first.grad = torch.randn(48, 80)
    second.grad = first.grad.clone()
    group = {"lr": 0.1, "weight_decay": 0.5}
    with Types() as types:
        Muon([{"params": [first], **group}], momentum=0.9).step()
    assert types.seen == {torch.bfloat16}
    torch.optim.Muon([{"params": [second], **group}], momentum=0.9, adjust_lr_fn="match_rms_adamw").step()
    assert torch.equal(first, second)


@pytest.mark.usefixtures("no_bfloat16")
def test_muon_goes_on_with_what_a_machine_with_bfloat16_saved() -> None:
    groups = [{"params": [torch.nn.Parameter(torch.ones(8, 8))], "lr": 0.1, "weight_decay": 0.0}]
    theirs = torch.optim.Muon(groups, momentum=0.9, adjust_lr_fn="match_rms_adamw")
    groups[0]["params"][0].grad = torch.randn(8, 8)
    theirs.step()
    ours = Muon([{**groups[0]}], momentum=0.9)
    ours.load_state_dict(theirs.state_dict())
    ours.step()
    assert ours.state_dict()["param_groups"] == theirs.state_dict()["param_groups"]
    states = (ours.state_dict()["state"][0], theirs.state_dict()["state"][0])
    assert states[0].keys() == states[1].keys()


@pytest.mark.parametrize("decayed", ["all", "layers"])
def test_each_part_decays_by_its_own_rate_and_tables_may_be_spared(model: Molmo, decayed: str) -> None:
    settings = SETTINGS.replace(weight_decay=0.5, decayed=decayed, llm=PartConfig(lr=4e-3, warmup=0, weight_decay=0.25))
    spared = {id(p) for p in undecayed_of(model)}
    names = {name for name, p in model.named_parameters() if id(p) in spared}
    assert {"embedding.base.weight", "embedding.extra", "decoder.norm.weight"} <= names
    assert not {name for name in names if "proj" in name or "head" in name or "patch_embedding" in name}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer = Optimizer(
        trained_parameters(model, settings), settings, 100, matrices_of(model), undecayed=undecayed_of(model)
    )
    rates = optimizer.update(50)
    for name, p in model.named_parameters():
        decay = 0.0 if name in names and decayed == "layers" else {"llm": 0.25}.get(part_of(name), 0.5)
        kept = 1 - rates[part_of(name)] * decay
        torch.testing.assert_close(p.detach(), before[name] * kept, rtol=1e-6, atol=1e-8)


#: What the published code spares, as parts of its own names of weights.
PUBLISHED_SPARED = ("wte", "attn_norm", "ff_norm", "ln_f", "pre_ln", "attention_norm", "ffn_norm", "_embedding")


@pytest.mark.parametrize("family", ["qwen2_like", "olmo_like", "olmoe_like"])
def test_the_weights_that_are_spared_are_those_of_the_published_code(family: str) -> None:
    model = load_released(FIXTURES / "model" / family)
    for parameter in model.parameters():
        parameter.data.fill_(1.0)
    for parameter in undecayed_of(model):
        parameter.data.fill_(0.0)
    spared = {name for name, tensor in released_weights(model).items() if not tensor.any()}
    expected = {
        name
        for name in released_weights(model)
        if any(part in name for part in PUBLISHED_SPARED) and "patch_embedding" not in name
    }
    assert spared == expected
    assert family == "qwen2_like" or not any("q_norm" in name or "k_norm" in name for name in spared)


def test_scales_of_layers_are_spared() -> None:
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    encoder = find_encoder("dinov2").build(Dinov2Config(**sizes, num_hidden_layers=1), 1)
    spared = {id(p) for p in undecayed_of(encoder)}
    names = {name.rpartition("layer.0.")[2] for name, p in encoder.named_parameters() if id(p) in spared}
    norms = {f"norm{n}.{kind}" for n in (1, 2) for kind in ("weight", "bias")}
    assert names == norms | {"layer_scale1.lambda1", "layer_scale2.lambda1"} | {
        "embeddings.cls_token",
        "embeddings.position_embeddings",
    }


def test_an_optimiser_that_is_to_spare_weights_must_be_told_which(model: Molmo) -> None:
    settings = SETTINGS.replace(weight_decay=0.5, decayed="layers")
    with pytest.raises(ConfigError, match="all would decay"):
        Optimizer(trained_parameters(model, settings), settings, steps=10)
