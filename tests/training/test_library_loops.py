"""A model of ours in other people's loops: one gradient however a step is cut, and settings that cannot work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from torch.utils.data import DataLoader

from openmolmo.core.errors import ConfigError, DataError, OpenMolmoError, RunError
from openmolmo.data import collate
from openmolmo.model import load_model
from openmolmo.model.molmo import Molmo
from openmolmo.prompting import Processor
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import DropoutConfig, RunConfig

accelerate = pytest.importorskip("accelerate")

from transformers import Trainer, TrainingArguments  # noqa: E402

from openmolmo.training.hf import TrainingSet, WeightedLoss, WeightedTrainer, collate_tokens, weighted  # noqa: E402

CUTS = [(4, 1), (2, 2), (1, 4)]  # rows of a batch, batches of a step
SAME = {"rtol": 2e-4, "atol": 2e-7}
"""Float32 sums in another order; the largest difference seen is 3e-5 of a value, a missing share is 50%."""


@pytest.fixture
def processor(config: RunConfig) -> Processor:
    return build_processor(config)


@pytest.fixture
def model(config: RunConfig, processor: Processor) -> Molmo:
    # No dropout: what it drops depends on how a step is cut.
    return build_model(config.replace(dropout=DropoutConfig(residual=0.0)), processor)


@pytest.fixture
def dataset(processor: Processor) -> TrainingSet:
    return TrainingSet(tiny.squares(count=8), processor)


@pytest.fixture
def arguments(tmp_path: Path) -> Callable[..., TrainingArguments]:
    def make(kind: Any = TrainingArguments, **changes: Any) -> TrainingArguments:
        settings: dict[str, Any] = {"output_dir": str(tmp_path / "out"), "use_cpu": True, "report_to": []}
        settings |= {"max_steps": 1, "seed": 0}
        settings |= {"optim": "sgd", "learning_rate": 1.0, "lr_scheduler_type": "constant", "max_grad_norm": 0.0}
        settings |= {"logging_steps": 1, "save_strategy": "no", "disable_tqdm": True, "dataloader_pin_memory": False}
        return kind(**settings | changes)

    return make


def gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def whole_step(model: Molmo, dataset: TrainingSet) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients of the first four examples as one batch, by the definition."""
    model.zero_grad()
    output = model.train()(**collate_tokens([dataset[index] for index in range(4)]))
    output.loss.backward()
    found = gradients(model)
    model.zero_grad()
    return output.loss.item(), found


class Noting:
    """Keeps the gradients as they are when the optimiser steps."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model, self.seen = model, []

    def __call__(self, *_: Any) -> None:
        self.seen.append(gradients(self.model))


def noted(trainer: Any) -> tuple[float, dict[str, torch.Tensor]]:
    """Take one step of the data set in order; what is logged, and the gradients of the step."""
    trainer._get_train_sampler = lambda *_: torch.utils.data.SequentialSampler(range(8))
    trainer.create_optimizer()
    noting = Noting(trainer.model)
    trainer.optimizer.register_step_pre_hook(noting)
    trainer.train()
    (seen,) = noting.seen
    return trainer.state.log_history[0]["loss"], seen


@pytest.mark.parametrize(("rows", "steps"), CUTS)
def test_weighted_trainer_has_the_loss_and_gradient_of_the_whole_step(
    model: Molmo, dataset: TrainingSet, arguments: Any, rows: int, steps: int
) -> None:
    loss, expected = whole_step(model, dataset)
    args = arguments(per_device_train_batch_size=rows, gradient_accumulation_steps=steps)
    found = noted(WeightedTrainer(model, args, collate_tokens, dataset))
    assert found[0] == pytest.approx(loss, rel=1e-5)
    assert found[1].keys() == expected.keys()
    torch.testing.assert_close(found[1], expected, **SAME)


@pytest.mark.parametrize(("rows", "steps"), CUTS)
def test_weighted_trainer_needs_no_counting_by_the_library(
    model: Molmo, dataset: TrainingSet, arguments: Any, rows: int, steps: int
) -> None:
    loss, expected = whole_step(model, dataset)
    args = arguments(per_device_train_batch_size=rows, gradient_accumulation_steps=steps)
    trainer = WeightedTrainer(model, args, collate_tokens, dataset)
    trainer.model_accepts_loss_kwargs = False
    found = noted(trainer)
    assert found[0] == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(found[1], expected, **SAME)


@pytest.mark.parametrize(("rows", "steps"), CUTS)
def test_the_plain_trainer_divides_by_the_number_of_tokens(
    model: Molmo, dataset: TrainingSet, arguments: Any, rows: int, steps: int
) -> None:
    loss, expected = whole_step(model, dataset)
    batch = collate_tokens([dataset[index] for index in range(4)])
    share = float(batch["loss_weights"].sum() / (batch["loss_weights"] > 0).sum())
    assert share < 0.99  # the weights matter
    args = arguments(per_device_train_batch_size=rows, gradient_accumulation_steps=steps)
    found = noted(Trainer(model, args, collate_tokens, dataset))
    assert found[0] == pytest.approx(loss * share, rel=1e-5)
    torch.testing.assert_close(found[1], {name: value * share for name, value in expected.items()}, **SAME)


@pytest.mark.parametrize(("rows", "steps"), CUTS)
def test_a_loop_under_accelerate(model: Molmo, dataset: TrainingSet, rows: int, steps: int) -> None:
    _, expected = whole_step(model, dataset)
    plugin = accelerate.utils.GradientAccumulationPlugin(num_steps=steps, sync_with_dataloader=False)
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_plugin=plugin)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    noting = Noting(model)
    optimizer.register_step_pre_hook(noting)
    loader = DataLoader(dataset, batch_size=rows, collate_fn=collate_tokens)
    prepared, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for batch in weighted(loader, accelerator):
        with accelerator.accumulate(prepared):
            accelerator.backward(prepared(**batch).loss)
            optimizer.step()
            optimizer.zero_grad()
    assert len(noting.seen) == 2
    torch.testing.assert_close(noting.seen[0], expected, **SAME)


@pytest.mark.parametrize(("rows", "steps"), CUTS)
def test_trl(model: Molmo, dataset: TrainingSet, arguments: Any, tmp_path: Path, rows: int, steps: int) -> None:
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    from openmolmo.inference.hf.processor import MolmoProcessor

    class Tuner(WeightedLoss, trl.SFTTrainer):  # type: ignore[misc, name-defined]
        pass

    loss, expected = whole_step(model, dataset)
    args = arguments(
        trl.SFTConfig,
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=steps,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        activation_checkpointing=False,
        bf16=False,
    )
    tuner = Tuner(
        model,
        args,
        data_collator=lambda rows: collate_tokens([dataset[row["index"]] for row in rows]),
        train_dataset=datasets.Dataset.from_dict({"index": range(8)}),
        processing_class=MolmoProcessor(dataset.processor),
    )
    found = noted(tuner)
    assert found[0] == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(found[1], expected, **SAME)


def test_a_run_goes_on_from_its_checkpoint_as_if_it_had_not_stopped(
    config: RunConfig, processor: Processor, dataset: TrainingSet, arguments: Any, tmp_path: Path
) -> None:
    model = build_model(config, processor)
    assert model.config.residual_dropout > 0
    model.save_pretrained(tmp_path / "start")
    settings: dict[str, Any] = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2}
    settings |= {"per_device_train_batch_size": 2}
    settings |= {"gradient_accumulation_steps": 2, "optim": "adamw_torch", "learning_rate": 1e-3}

    def trainer(name: str) -> WeightedTrainer:
        args = arguments(output_dir=str(tmp_path / name), **settings)
        return WeightedTrainer(
            load_model(tmp_path / "start"), args, collate_tokens, dataset, processing_class=processor
        )

    whole = trainer("whole")
    whole.train()
    again = trainer("again")
    again.train(resume_from_checkpoint=str(tmp_path / "whole/checkpoint-2"))
    torch.testing.assert_close(again.model.state_dict(), whole.model.state_dict(), rtol=0, atol=0)
    last = load_model(tmp_path / "whole/checkpoint-4")
    torch.testing.assert_close(last.state_dict(), whole.model.state_dict(), rtol=0, atol=0)
    assert Processor.from_pretrained(tmp_path / "whole/checkpoint-4").crop == processor.crop


def test_wordings_are_drawn_by_epoch_and_index(dataset: TrainingSet) -> None:
    first = [dataset[index].input_ids.tolist() for index in range(8)]
    assert first == [dataset[index].input_ids.tolist() for index in range(8)]
    dataset.set_epoch(1)
    assert first != [dataset[index].input_ids.tolist() for index in range(8)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label_smoothing_factor": 0.1}, r"label_smoothing_factor=0.1 takes the labels .*\n  -> leave it at 0"),
        ({"fp16": True}, r"fp16=True on a processor.*\n  -> leave fp16 out"),
    ],
)
def test_arguments_that_cannot_work(
    model: Molmo, dataset: TrainingSet, arguments: Any, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        WeightedTrainer(model, arguments(**changes), collate_tokens, dataset)


@pytest.mark.parametrize("name", ["compute_loss_func", "compute_metrics"])
def test_functions_that_cannot_work(model: Molmo, dataset: TrainingSet, arguments: Any, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} is given, but .*\n  -> leave {name} out"):
        WeightedTrainer(model, arguments(), collate_tokens, dataset, **{name: print})


def test_columns_that_would_be_taken_away(model: Molmo, arguments: Any) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"question": ["Which colour?"]})
    with pytest.raises(ConfigError, match=r"would take question .*\n  -> set remove_unused_columns=False"):
        WeightedTrainer(model, arguments(), collate_tokens, rows)


def test_a_collator_without_our_keys(model: Molmo, dataset: TrainingSet, arguments: Any) -> None:
    def without(items: Any) -> dict[str, torch.Tensor]:
        batch = collate_tokens(items)
        del batch["loss_weights"]
        return batch

    for kind in (Trainer, WeightedTrainer):
        with pytest.raises(OpenMolmoError, match=r"(?s)loss_weights.*\n  -> .*collat.*remove_unused_columns=False"):
            kind(model, arguments(), without, dataset).train()
    with pytest.raises(DataError, match=r"a row with the keys \['a'\].*\n  -> give a TrainingSet"):
        collate_tokens([{"a": 1}])  # type: ignore[list-item]


def test_the_plain_trainer_with_label_smoothing_says_what_is_missing(
    model: Molmo, dataset: TrainingSet, arguments: Any
) -> None:
    with pytest.raises(OpenMolmoError, match=r"loss_weights came without labels.*\n  -> .*label smoothing"):
        Trainer(model, arguments(label_smoothing_factor=0.1), collate_tokens, dataset).train()


def test_accelerate_that_ends_a_step_with_the_loader() -> None:
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
    with pytest.raises(ConfigError, match=r"gradient_accumulation_steps=2 .*\n  -> Accelerator\(gradient_accum"):
        next(weighted([], accelerator))


def test_a_step_with_nothing_to_learn(dataset: TrainingSet) -> None:
    batch = collate([[dataset[0]]])
    batch["loss_weights"].zero_()
    accelerator = accelerate.Accelerator(cpu=True)
    with pytest.raises(RunError, match="every loss weight is 0"):
        next(weighted([batch], accelerator))
