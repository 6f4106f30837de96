"""Training on every kind of device: the same steps, whatever computes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
import torch

from devices import DEVICES, NEEDS_GPU
from openmolmo.core.config import override
from openmolmo.core.runlog import read_jsonl
from openmolmo.data import Loader
from openmolmo.model import Molmo, load_model, save_model
from openmolmo.records import write_dataset
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import RunConfig
from openmolmo.training.loop import Trainer, run
from openmolmo.training.lora_config import LoraConfig
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.parallel.layers import layers_of, prepare_layers
from openmolmo.training.watch.callbacks import EvaluationCallbacks
from openmolmo.training.watch.config import WatchConfig

pytestmark = pytest.mark.timeout(600)  # an accelerator's first kernels take their time

BFLOAT16 = "precision=bfloat16"
RUNS = {
    "as it comes": [BFLOAT16],
    "kept for less": [BFLOAT16, "attention=sdpa", "parallel.checkpointing=selective", "parallel.async_save=true"],
    "muon": ["precision=float32", "attention=eager", "optimizer.matrices=muon"],
}


def losses(out: Path) -> list[float]:
    return [row["ce"] for row in read_jsonl(out / "metrics.jsonl")]


def learns_and_goes_on(config: RunConfig, folder: Path, *, to: float = 0.95) -> None:
    """A run of eight steps, and the same one begun again at its middle."""
    config = config.replace(steps=8, checkpoint_every=4)
    run(config, folder / "whole")
    shutil.copytree(folder / "whole", folder / "half")
    for name in ("step-8", "final"):
        shutil.rmtree(folder / "half" / name)
    run(config, folder / "half", resume=True)
    whole, half = losses(folder / "whole"), losses(folder / "half")
    assert whole[-1] < to * whole[0]
    assert half == pytest.approx(whole, rel=2e-2)  # an accelerator adds up in any order
    assert load_model(folder / "half/final").device.type == "cpu"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("settings", RUNS.values(), ids=RUNS.keys())
def test_a_run_learns_and_goes_on(config: RunConfig, tmp_path: Path, device: str, settings: list[str]) -> None:
    learns_and_goes_on(override(config, [f"device={device}", *settings]), tmp_path)
    for row in read_jsonl(tmp_path / "whole/metrics.jsonl"):
        assert row["memory_mb"] >= 1 and row["images_per_s"] > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_a_run_of_compiled_layers_learns_and_goes_on(config: RunConfig, tmp_path: Path) -> None:
    settings = ["device=cuda", BFLOAT16, "parallel.compile=true", "parallel.checkpointing=full"]
    learns_and_goes_on(override(config, settings), tmp_path)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["int8", "nf4"])
def test_adapters_on_a_quantised_base_learn_and_go_on(
    config: RunConfig, tmp_path: Path, device: str, kind: str
) -> None:
    pytest.importorskip("peft")
    pytest.importorskip("torchao")
    processor = build_processor(config)
    save_model(build_model(config, processor), tmp_path / "base")
    processor.save_pretrained(tmp_path / "base")
    tuning = config.replace(
        init_from=str(tmp_path / "base"),
        tokenizer=None,
        crop=None,
        format=None,
        lora=LoraConfig(rank=4, quantize=kind),  # type: ignore[arg-type]
    )
    settings = [f"device={device}", BFLOAT16, "parallel.async_save=true"]
    learns_and_goes_on(override(tuning, settings), tmp_path, to=0.98)


# ------------------------------------------------------------------------------------------ one step


def first_step(config: RunConfig, folder: Path, *settings: str) -> dict[str, float]:
    trainer = Trainer.start(override(config, ["dropout.residual=0", *settings]), folder, None)
    figures = trainer.take_step()
    trainer.close()
    return {"loss": figures["loss"], "z": figures["z"], **figures["norm"]}


@pytest.mark.parametrize(
    ("device", "attention", "precision"),
    [
        pytest.param(*way, marks=NEEDS_GPU if way[0] == "cuda" else ())
        for way in [("cpu", "sdpa", "float32"), ("cpu", "sdpa", "bfloat16"), ("cpu", "eager", "bfloat16")]
        + [("cuda", name, kind) for name in ("sdpa", "eager", "flex_attention") for kind in ("float32", "bfloat16")]
    ],
)
def test_a_step_is_the_same_everywhere(
    config: RunConfig, tmp_path: Path, device: str, attention: str, precision: str
) -> None:
    wanted = first_step(config, tmp_path / "plain", "device=cpu", "attention=eager", "precision=float32")
    way = (f"device={device}", f"attention={attention}", f"precision={precision}")
    found = first_step(config, tmp_path / "found", *way)
    assert found == pytest.approx(wanted, rel=1e-3 if precision == "float32" else 5e-2)


# ------------------------------------------------------------------------------------------ compiled


def batches(config: RunConfig) -> Iterator[dict[str, torch.Tensor]]:
    """Batches of other lengths, with other numbers of rows and of crops."""
    for rows in (3, 1):
        settings = override(config, ["loader.packing=false", f"loader.rows={rows}"])
        with Loader(settings.mixture, build_processor(settings), settings.loader, seed=0) as loader:
            yield loader.next().tensors


def built(config: RunConfig, device: str, attention: str) -> Molmo:
    model = build_model(override(config, ["dropout.residual=0"]), build_processor(config)).to(device)
    model.decoder.set_attn_implementation(attention)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_compiled_layers_take_batches_of_every_shape(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """In training and in judging. On a processor without code generation, which takes longer than a test may."""
    if device == "cpu":
        compiled = torch.compile
        monkeypatch.setattr(torch, "compile", lambda forward: compiled(forward, backend="eager"))
    torch.compiler.reset()
    attention = "sdpa" if device == "cpu" else "flex_attention"
    plain, fast = built(config, device, attention), built(config, device, attention)
    prepare_layers(fast, ParallelConfig(compile=True, checkpointing="selective"))
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        for batch in batches(config):
            inputs = {key: tensor.to(device) for key, tensor in batch.items()}
            wanted, found = plain(**inputs).loss, fast(**inputs).loss
            torch.autograd.backward([wanted, found])
            with torch.no_grad():
                judged = fast.eval()(**inputs).loss
            fast.train()
            torch.testing.assert_close(torch.stack([found, judged]), torch.stack([wanted] * 2), rtol=1e-4, atol=0)
    torch.compiler.reset()
    for part in ("encoder", "connector", "decoder"):
        norms = [
            torch.stack([p.grad.norm() for p in model.get_submodule(part).parameters() if p.grad is not None]).norm()
            for model in (plain, fast)
        ]
        torch.testing.assert_close(norms[1], norms[0], rtol=1e-3, atol=0)


@pytest.mark.parametrize("device", DEVICES)
def test_replies_are_judged_without_compiling(config: RunConfig, tmp_path: Path, device: str) -> None:
    write_dataset(tmp_path / "held", [tiny.squares(name="held")[i] for i in range(4)])
    watch = WatchConfig(
        evaluate_every=1, data=str(tmp_path / "held"), callbacks=("generation",), examples=3, radius=10.0
    )
    settings = config.replace(watch=watch)
    model = built(config, device, "flex_attention")
    prepare_layers(model, ParallelConfig(compile=True))
    callbacks = EvaluationCallbacks(settings, build_processor(settings))
    before = json.dumps(torch._dynamo.utils.counters["frames"])
    found = callbacks.judge(model, torch.device(device), torch.bfloat16)["generation"]
    assert found and all(0 <= value <= 1 for value in found.values())
    assert json.dumps(torch._dynamo.utils.counters["frames"]) == before
    assert model.decoder.config._attn_implementation == "flex_attention"
    assert all(layer.training for layer in layers_of(model))
