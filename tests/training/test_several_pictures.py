"""Several pictures in an example, from a user's rows to a step of training and to judging."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from openmolmo.core.runlog import read_jsonl
from openmolmo.data import GroupConfig, MixtureConfig, SourceConfig, collate
from openmolmo.evaluation.tasks import POINTING
from openmolmo.evaluation.tasks.base import to_request
from openmolmo.prompting import Processor
from openmolmo.records.check import check_dataset
from openmolmo.records.example import Point
from openmolmo.records.jsonl import JsonlDataset
from openmolmo.records.shards import ParquetDataset, write_dataset
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import DropoutConfig, RunConfig
from openmolmo.training.loop import run
from openmolmo.training.loss import micro_loss
from openmolmo.words.answer import read_answer

ROWS = (
    {
        "images": [{"image": "a.png", "width": 40, "height": 32}, {"image": "b.png", "width": 28, "height": 44}],
        "annotations": [
            {"kind": "pointing", "label": "square", "points": [{"x": 20, "y": 30}, {"x": 60, "y": 50, "image": 1}]},
            {"kind": "question_answer", "question": "Are they alike?", "answers": ["no"], "style": "vqa2"},
        ],
    },
    {"images": ["b.png", "a.png"], "question": "Is <|image|> larger than <|image|>?", "answer": "yes"},
    {"image": "a.png", "caption": "a red square"},
)


@pytest.fixture
def config(config: RunConfig) -> RunConfig:
    return config.replace(dropout=DropoutConfig(residual=0.0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The rows, checked, as shards."""
    rng = np.random.default_rng(0)
    for name, size in (("a", (32, 40, 3)), ("b", (44, 28, 3))):
        Image.fromarray(rng.integers(0, 255, size, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    report = check_dataset(tmp_path / "rows.jsonl")
    assert report.ok, report.faults
    write_dataset(tmp_path / "shards", JsonlDataset(tmp_path / "rows.jsonl"))
    return tmp_path / "shards"


def sums(model: torch.nn.Module, rows: list, crops: list[torch.Tensor] | None = None) -> tuple[list[float], list]:
    """Loss sums of a batch, and the gradients of the weights; ``crops`` gets the gradient of the pixels."""
    batch = collate(rows)
    batch["crops"].requires_grad_(crops is not None)
    model.zero_grad()
    output = model(**batch)
    micro_loss(output, 10.0, 1e-4).backward()
    if crops is not None:
        crops.append(batch["crops"].grad)
    return (
        [float(value.detach()) for value in (output.ce_sum, output.z_sum, output.weight_sum)],
        [p.grad.clone() for p in model.parameters() if p.grad is not None],
    )


def test_packed_they_have_the_loss_of_separate_rows_and_both_get_a_gradient(config: RunConfig, folder: Path) -> None:
    processor = build_processor(config)
    model = build_model(config, processor)
    examples = [processor.train(one, np.random.default_rng(0)) for one in ParquetDataset(folder)]
    assert [len(tokens.images) for tokens in examples] == [2, 2, 1]
    pixels: list[torch.Tensor] = []
    packed, gradients = sums(model, [examples], pixels)
    apart = [sums(model, [[tokens]]) for tokens in examples]
    for number, value in enumerate(packed):
        assert value == pytest.approx(sum(alone[0][number] for alone in apart), rel=1e-5)
    for number, gradient in enumerate(gradients):
        torch.testing.assert_close(gradient, sum(alone[1][number] for alone in apart), rtol=1e-3, atol=1e-6)
    assert len(pixels[0]) == sum(len(image.pixels) for tokens in examples for image in tokens.images)
    start = 0
    for image in (image for tokens in examples for image in tokens.images):
        assert pixels[0][start : start + len(image.pixels)].abs().max() > 0
        start += len(image.pixels)


def test_every_picture_of_an_example_matters_to_its_loss(config: RunConfig, folder: Path) -> None:
    processor = build_processor(config)
    model = build_model(config, processor)
    for one in list(ParquetDataset(folder))[:2]:
        first, second = one.images
        losses = [
            sums(model, [[processor.train(one.replace(images=images), np.random.default_rng(0))]])[0][0]
            for images in ((first, second), (second, first), (first, first))
        ]
        assert len({round(loss, 6) for loss in losses}) == 3


def test_a_run_trains_on_them(config: RunConfig, folder: Path, tmp_path: Path) -> None:
    source = SourceConfig(source="parquet", options={"path": str(folder)})
    mixture = MixtureConfig(groups=(GroupConfig(name="mine", rate=1.0, sources=(source,)),))
    run(config.replace(mixture=mixture, steps=2), tmp_path / "run")
    losses = [row["loss"] for row in read_jsonl(tmp_path / "run" / "metrics.jsonl")]
    assert len(losses) == 2 and all(np.isfinite(losses))


def test_they_are_asked_about_together_and_points_are_judged_in_their_own(config: RunConfig, folder: Path) -> None:
    (question,) = POINTING.questions(ParquetDataset(folder)[0])
    assert question.sizes == ((40, 32), (28, 44))
    assert len(to_request(question).images) == 2
    task = type(POINTING)(radius=5.0)
    right = read_answer(question.reply, question.sizes)
    assert [point.point for point in right.points] == [Point(20.0, 30.0), Point(60.0, 50.0, 1)]
    assert [(p.x_pixel, p.y_pixel) for p in right.points] == [(8, 9), (16, 22)]
    assert right.to_json()["points"][1]["image"] == 1
    assert task.score(question, right)["f1"] == 1.0
    swapped = question.reply.replace('image2="2" ', "")
    assert task.score(question, read_answer(swapped, question.sizes))["f1"] == 0.5
    nowhere = question.reply.replace('image2="2" ', 'image2="3" ')
    assert len(read_answer(nowhere, question.sizes).points) == 1
    processor: Processor = build_processor(config)
    request = to_request(question)
    assert len(processor.prompt(request.text, request.images).images) == 2
