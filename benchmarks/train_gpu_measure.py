"""One way of ``train_gpu.py`` in this process: build, warm up, measure."""

from __future__ import annotations

import argparse
import gc
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch import Tensor
from torch._dynamo.utils import counters

from openmolmo.data import GroupConfig, LoaderConfig, MixtureConfig, SourceConfig
from openmolmo.data.loader import Batch
from openmolmo.model import Molmo, parameter_counts
from openmolmo.model.molmo import MolmoOutput
from openmolmo.prompting.sequence import Tokens
from openmolmo.training.audit import DataAudit
from openmolmo.training.build import pick_attention, pick_precision
from openmolmo.training.config import DropoutConfig, OptimizerConfig, PartConfig, RunConfig
from openmolmo.training.estimate.gpus import gpu_called
from openmolmo.training.loop import Trainer
from openmolmo.training.loss import batch_weight
from openmolmo.training.optim import Optimizer, matrices_of, trained_parameters, undecayed_of
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.parallel.parallelize import parallelize
from openmolmo.training.parallel.world import ALONE
from openmolmo.training.watch.meter import Meter
from reference import keep_less, reference_model, reference_step, reference_training_batch, usual_terms
from surroundings import memory, restart_peak
from train_gpu_data import FULL, TINY, Size, halves, make_model, make_rows, packed_batches, plain_batches

__all__ = ["LADDER", "WAYS", "Way", "climb", "measure"]

Z_LOSS = 1e-4
RATE = 1e-12  # of learning: it leaves float32 weights as they are
NO_MEMORY = (
    "out of memory",
    "ALLOC_FAILED",
)  # PyTorch says the first, also where it compiles; its libraries the second

Checkpointing = Literal["none", "selective", "full"]
LADDER: tuple[Checkpointing, ...] = ("none", "selective", "full")


@dataclass(frozen=True)
class Way:
    """What is switched on; ``whole_layers`` (of the reference): activation checkpointing as in its launch scripts."""

    packing: bool = True
    flex: bool = True
    chunked: bool = True
    compile: bool = True
    reference: bool = False
    whole_layers: bool = False


WAYS = {
    "all": Way(),
    "reference": Way(reference=True, whole_layers=True),
    "reference_keeping": Way(reference=True),
    "no_packing": Way(packing=False),
    "no_compile": Way(compile=False),
    "no_chunked_loss": Way(chunked=False),
    "no_flex_attention": Way(flex=False),
}


@dataclass(frozen=True)
class Rung:
    """How much memory a try takes: rows of a batch (of the reference: examples), and what layers keep."""

    batch: int
    checkpointing: Checkpointing = "none"


@dataclass(frozen=True)
class Setting:
    """What is the same for all tries of a way."""

    way: Way
    size: Size
    device: torch.device
    rows: Sequence[list[Tokens]]
    seconds: float
    compile: bool
    reference: Path | None = None

    @property
    def compiled(self) -> bool:
        """Whether layers are compiled."""
        return self.way.compile and self.compile and not self.way.reference


@dataclass
class Run:
    """A model in training: ``step`` takes the batches of one of ``steps`` and returns its loss.

    ``weights`` are the loss weights of the steps, ``slots`` all tokens of a pass with padding.
    """

    step: Callable[[Any], float]
    steps: list[list[Any]]
    weights: list[float]
    slots: int
    work: float
    pictures: float
    told: dict[str, Any] = field(default_factory=dict)


def our_run(setting: Setting, rung: Rung) -> Run:
    """The training loop of this project, with batches that are there already."""
    device, config = setting.device, our_config(setting, rung)
    model = make_model(setting.size, device)
    attention = pick_attention(config, device)
    model.decoder.set_attn_implementation(attention)
    meter, precision = Meter(model, device), pick_precision(config, device)
    placed = parallelize(model, config.parallel, ALONE, device, precision)
    if not setting.way.chunked:
        placed.forward = with_all_logits(model)
    loader: Any = SimpleNamespace(waiting=deque[Batch]())
    loader.next = loader.waiting.popleft
    trained = trained_parameters(model, config.optimizer)
    optimizer = Optimizer(trained, config.optimizer, config.steps, matrices_of(model), undecayed=undecayed_of(model))
    absent: Any = SimpleNamespace(due=lambda step: False)  # processor, checkpoints, evaluation
    audit = DataAudit(annotations={}, refused={})
    trainer = Trainer(
        config, Path(), absent, loader, placed, optimizer, device, precision, absent, meter, absent, audit
    )

    def step(batches: Sequence[Batch]) -> float:
        loader.waiting.extend(batches)
        trainer.config = config.replace(accumulate=len(batches))
        return float(trainer.take_step()["loss"])

    steps = our_batches(setting, rung)
    batches = [batch for part in steps for batch in part]
    pictures, work = meter.count(batches)
    told = {
        "attention": attention,
        "compiled": config.parallel.compile,
        "rows_a_batch": max(len(batch.tensors["input_ids"]) for batch in batches),
        "checkpointing": rung.checkpointing,
        "parameters": parameter_counts(model),
    }
    slots = sum(batch.tensors["input_ids"].numel() for batch in batches)
    return Run(step, steps, [batch_weight(part) for part in steps], slots, work, pictures, told)


def our_batches(setting: Setting, rung: Rung) -> list[list[Batch]]:
    """The batches of each step; those without packing have about as many tokens as a batch of full rows."""
    size, parts = setting.size, halves(setting.rows)
    if setting.way.packing:
        return [packed_batches(part, rung.batch, size.row_length) for part in parts]
    per_batch = max(1, round(rung.batch * size.row_length / size.limit))
    return [plain_batches(part, per_batch) for part in parts]


def our_config(setting: Setting, rung: Rung) -> RunConfig:
    """Settings of a run; its mixture is never opened."""
    still = PartConfig(lr=RATE, warmup=0)
    return RunConfig(
        name="train_gpu",
        steps=10**6,
        mixture=MixtureConfig(groups=(GroupConfig(rate=1.0, sources=(SourceConfig(source="noise"),)),)),
        optimizer=OptimizerConfig(encoder=still, connector=still, llm=still),
        dropout=DropoutConfig(residual=0.0),
        loader=LoaderConfig(rows=rung.batch, row_length=setting.size.row_length, packing=setting.way.packing),
        precision="bfloat16" if setting.device.type == "cuda" else "float32",
        attention="auto" if setting.way.flex else "sdpa",
        parallel=ParallelConfig(checkpointing=rung.checkpointing, compile=setting.compiled),
        freeze=("embedding",),
        z_loss=Z_LOSS,
    )


def with_all_logits(model: Molmo) -> Callable[..., MolmoOutput]:
    """The usual loss: logits of every token of the batch, the library's cross-entropy, and the z-loss."""

    def forward(labels: Tensor, loss_weights: Tensor, **batch: Tensor) -> MolmoOutput:
        ce, z = usual_terms(model(**batch).logits, labels, loss_weights)
        return MolmoOutput(ce_sum=ce, z_sum=z, weight_sum=loss_weights.sum())

    return forward


def reference_run(setting: Setting, rung: Rung) -> Run:
    """The public implementation with our weights; batches have one shape, as its collator pads them."""
    assert setting.reference is not None
    size, device = setting.size, setting.device
    ours = make_model(size, device)
    meter, patch_id = Meter(ours, device), ours.config.image_patch_id
    pictures, work = meter.count(packed_batches(setting.rows, 1, size.row_length))
    model = reference_model(setting.reference, ours, device=str(device)).to(device).train()
    del ours
    if setting.way.whole_layers:
        keep_less(model)
    model.get_parameter("transformer.wte.embedding").requires_grad_(False)
    steps = []
    for part in halves(setting.rows):
        examples = [one for row in part for one in row]
        groups = [examples[i : i + rung.batch] for i in range(0, len(examples), rung.batch)]
        make = partial(reference_training_batch, most_crops=1 + size.crop.max_crops, length=size.limit)
        made = [make(group, patch_id) for group in groups]
        steps.append([{name: _pinned(value, device) for name, value in batch.items()} for batch in made])
    weights = [sum(float(batch["loss_masks"].sum()) for batch in part) for part in steps]
    told = {
        "attention": "sdpa",
        "compiled": False,
        "rows_a_batch": rung.batch,
        "checkpointing": "whole layers" if setting.way.whole_layers else "none",
    }
    slots = sum(batch["input_ids"].numel() for part in steps for batch in part)
    return Run(reference_step(model, device, RATE, Z_LOSS), steps, weights, slots, work, pictures, told)


def _pinned(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.pin_memory() if device.type == "cuda" else tensor


def rungs_of(way: Way, options: argparse.Namespace) -> list[Rung]:
    """What is tried in turn while the memory does not suffice."""
    halved = [options.rows >> i for i in range(options.rows.bit_length())]
    if way.reference:
        first = options.reference_batch if way.whole_layers else max(1, options.reference_batch // 2)
        return [Rung(first >> i) for i in range(first.bit_length())]
    if options.checkpointing != "auto":
        return [Rung(batch, options.checkpointing) for batch in halved]
    return [Rung(batch) for batch in halved] + [Rung(halved[-1], kind) for kind in LADDER[1:]]


def climb(rungs: Sequence[Rung], attempt: Callable[[Rung], dict[str, Any]]) -> dict[str, Any]:
    """The result of the first rung for which the memory suffices."""
    too_large: list[str] = []
    for rung in rungs:
        try:
            return {**attempt(rung), "too_large": too_large}
        except RuntimeError as error:
            if not any(words in str(error) for words in NO_MEMORY):
                raise
            too_large.append(f"{rung.batch} a batch, checkpointing {rung.checkpointing}")
        # Outside of the handler nothing holds the tensors of the try any more.
        torch.compiler.reset()
        gc.collect()
        torch.cuda.empty_cache()
    return {"failed": "out of memory", "too_large": too_large}


def attempt(setting: Setting, rung: Rung) -> dict[str, Any]:
    """Build, warm up and measure."""
    cuda = setting.device.type == "cuda"
    if not cuda:
        restart_peak()
    before = 0 if cuda else memory("VmRSS")
    began = time.perf_counter()
    run = (reference_run if setting.way.reference else our_run)(setting, rung)
    built = time.perf_counter()
    # What is compiled meets all shapes; the reference's have one, and its second step all that is ever held.
    for batches in [[max(run.steps[0], key=len)]] * 2 if setting.way.reference else run.steps:
        run.step(batches)
    wait(setting.device)
    warm = time.perf_counter()
    graphs = counters["stats"]["unique_graphs"]
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    seconds, loss = timed(run, setting)
    peak = torch.cuda.max_memory_allocated() if cuda else memory("VmHWM") - before
    return {
        **figures(run, setting, sum(seconds) / len(seconds)),
        "peak_gb": round(peak / 1e9, 3),
        "loss": loss,
        **run.told,
        "pass_seconds": [round(one, 3) for one in seconds],
        "build_seconds": round(built - began, 1),
        "warm_up_seconds": round(warm - built, 1),
        "graphs_compiled": graphs,
        "graphs_compiled_while_measured": counters["stats"]["unique_graphs"] - graphs,
    }


def timed(run: Run, setting: Setting) -> tuple[list[float], float]:
    """Seconds of each pass over the data, as many as there is time for, and the loss of the first."""
    seconds: list[float] = []
    losses: list[float] = []
    while not seconds or sum(seconds) + seconds[-1] <= setting.seconds:
        start = time.perf_counter()
        losses += [run.step(batches) for batches in run.steps]
        wait(setting.device)
        seconds.append(time.perf_counter() - start)
    weighted = sum(loss * weight for loss, weight in zip(losses, run.weights, strict=False))
    return seconds, weighted / sum(run.weights)


def wait(device: torch.device) -> None:
    """Until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def figures(run: Run, setting: Setting, seconds: float) -> dict[str, Any]:
    """What a pass of ``seconds`` comes to."""
    examples = [one for row in setting.rows for one in row]
    tokens, learnt = sum(map(len, examples)), sum(int((one.loss_weights > 0).sum()) for one in examples)
    gpu = gpu_called(torch.cuda.get_device_name(setting.device)) if setting.device.type == "cuda" else None
    return {
        "images_per_second": round(run.pictures / seconds, 3),
        "samples_per_second": round(len(examples) / seconds, 3),
        "tokens_per_second": round(tokens / seconds, 1),
        "supervised_tokens_per_second": round(learnt / seconds, 1),
        "tflops": round(run.work / seconds / 1e12, 5),
        "flops_utilisation": round(run.work / seconds / gpu.peak, 4) if gpu else None,
        "tokens": tokens,
        "tokens_with_padding": run.slots,
        "crops": sum(len(one.images[0].pixels) for one in examples if one.images),
    }


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Figures of one way in this process."""
    began, way, size = time.perf_counter(), WAYS[name], TINY if options.tiny else FULL
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    compile = device.type == "cuda" or options.compile
    setting = Setting(way, size, device, make_rows(size), options.seconds, compile, options.reference)
    row = climb(rungs_of(way, options), partial(attempt, setting))
    row["whole_seconds"] = round(time.perf_counter() - began, 1)
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        row["device"] = f"{found.name}, {found.total_memory / 1e9:.0f} GB, CUDA {torch.version.cuda}"
    return row
