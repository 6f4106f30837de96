"""One normalisation for a whole step, whether packed, split or neither."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from openmolmo.core.errors import RunError
from openmolmo.core.runlog import read_jsonl
from openmolmo.data import Batch, collate
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import DropoutConfig, RunConfig
from openmolmo.training.loop import run
from openmolmo.training.loss import StepLoss, micro_loss, own_weight, step_weight


@pytest.fixture
def still(config: RunConfig) -> RunConfig:
    """The tiny recipe without dropout, in plain rows of one stream."""
    loader = config.loader.replace(packing=False, streams=1)
    return config.replace(dropout=DropoutConfig(residual=0.0), loader=loader, steps=6)


def gradients(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_packed_rows_have_the_loss_of_separate_ones(still: RunConfig) -> None:
    processor = build_processor(still)
    model = build_model(still, processor)
    source = tiny.squares(count=9)
    examples = [processor.train(source[i], np.random.default_rng(i), max_length=128) for i in range(6)]
    results = []
    for rows in ([[e] for e in examples], [examples[:2], examples[2:5], examples[5:]]):
        model.zero_grad()
        output = model(**collate(rows))
        micro_loss(output, output.weight_sum.item(), 1e-4).backward()
        sums = [float(value.detach()) for value in (output.ce_sum, output.z_sum, output.weight_sum)]
        results.append((sums, gradients(model)))
    separate, packed = results
    assert packed[0] == pytest.approx(separate[0], rel=1e-6)
    torch.testing.assert_close(packed[1], separate[1], rtol=1e-4, atol=1e-6)


def test_accumulating_equals_one_large_batch(still: RunConfig, tmp_path: Path) -> None:
    halves = still.replace(accumulate=2, loader=still.loader.replace(rows=2))
    single = still.replace(accumulate=4, loader=still.loader.replace(rows=1))
    for name, config in (("whole", still), ("halves", halves), ("single", single)):
        run(config, tmp_path / name)
    traces = [
        [row["loss"] for row in read_jsonl(tmp_path / n / "metrics.jsonl")] for n in ("whole", "halves", "single")
    ]
    assert traces[0] == pytest.approx(traces[1], abs=1e-6)
    assert traces[0] == pytest.approx(traces[2], abs=1e-6)
    assert len(set(traces[0])) == 6


def test_the_model_and_the_step_agree_on_a_single_batch(still: RunConfig) -> None:
    processor = build_processor(still)
    model = build_model(still, processor)
    tokens = processor.train(tiny.squares()[2], np.random.default_rng(0), max_length=128)
    tensors = collate([[tokens]])
    output = model(**tensors)
    weight = step_weight([Batch(tensors, [[0]], len(tokens), [], 0.0, 0.0)])
    loss = StepLoss(z_weight=still.z_loss)
    loss.add(output)
    loss.read(weight)
    loss.read(weight)  # nothing is counted twice
    assert loss.total == pytest.approx(output.loss.item(), rel=1e-6)
    assert micro_loss(output, weight, still.z_loss).item() == pytest.approx(output.loss.item(), rel=1e-6)
    assert loss.z > 0


def test_a_step_without_supervision_is_an_error() -> None:
    tensors = {"loss_weights": torch.zeros(2, 5)}
    with pytest.raises(RunError, match="no token with loss"):
        step_weight([Batch(tensors, [[0]], 5, [], 0.0, 0.0)])


def test_batches_can_each_be_divided_by_their_own_weight(still: RunConfig, tmp_path: Path) -> None:
    accumulated = still.replace(accumulate=4, loader=still.loader.replace(rows=1), steps=3)
    for name, normalise in (("step", "step"), ("batch", "batch")):
        run(accumulated.replace(normalise=normalise), tmp_path / name)
    rows = {name: read_jsonl(tmp_path / name / "metrics.jsonl") for name in ("step", "batch")}
    first, other = rows["step"][0], rows["batch"][0]
    assert first["loss"] == pytest.approx(other["loss"], abs=1e-6)  # what is told is the mean over tokens
    assert first["norm"]["llm"] != pytest.approx(other["norm"]["llm"], rel=1e-3)
    processor = build_processor(still)
    source = tiny.squares(count=2)
    tensors = [collate([[processor.train(source[i], np.random.default_rng(i), max_length=128)]]) for i in range(2)]
    model = build_model(still, processor)
    for batch in tensors:
        one = Batch(batch, [[0]], 1, [], 0.0, 0.0)
        micro_loss(model(**batch), own_weight(one, 2), still.z_loss).backward()
    summed = gradients(model)
    model.zero_grad()
    ((model(**tensors[0]).loss + model(**tensors[1]).loss) / 2).backward()
    torch.testing.assert_close(summed, gradients(model), rtol=1e-4, atol=1e-6)
