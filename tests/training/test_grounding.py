"""Points teach where to look, and image tokens where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

from openmolmo.core.errors import ConfigError
from openmolmo.core.runlog import read_jsonl
from openmolmo.data.collate import collate
from openmolmo.imaging import make_plan
from openmolmo.model.checkpoint import load_model
from openmolmo.prompting.processor import Processor
from openmolmo.training import checkpoint
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import RunConfig
from openmolmo.training.grounding.targets import PLACES, places_of, points_of
from openmolmo.training.grounding.teacher import Grounding
from openmolmo.training.grounding_config import GroundingConfig
from openmolmo.training.loop import run

GROUNDING = GroundingConfig(layer=0, heads=(1,))


def _batch(processor: Processor, *numbers: int) -> dict[str, torch.Tensor]:
    squares = tiny.squares()
    rng = np.random.default_rng(0)
    return collate([[processor.train(squares[number], rng) for number in numbers[row::2]] for row in range(2)])


def test_points_know_the_tokens_that_write_them_and_those_that_show_them(config: RunConfig) -> None:
    processor = build_processor(config)
    batch = _batch(processor, 2, 5, 8, 11)
    found = points_of(batch, processor.tokenizer, 2)
    assert found is not None and found.asked is not None and found.point.unique().numel() == 4
    looks = found.written
    plan = make_plan(40, 32, processor.crop)
    special = processor.tokenizer.special
    for number, index in enumerate((2, 8, 5, 11)):  # row by row
        (point,) = next(a for a in tiny.squares()[index].annotations if hasattr(a, "points")).points
        of = (found.point == number).nonzero().squeeze(1)
        row = int(looks.rows[of[0]])
        written = processor.tokenizer.decode(batch["labels"][row, looks.positions[of]].tolist())
        assert f"{point.x:.1f}" in written and f"{point.y:.1f}" in written
        percent = [int(np.round(value, 1)) for value in (point.x, point.y)]
        assert found.digits[of[0]].tolist() == [d for value in percent for d in divmod(value, 10)]
        example = batch["example_ids"][row] == batch["example_ids"][row, looks.positions[of[0]]]
        patches = (example & (batch["input_ids"][row] == special.im_patch)).nonzero().squeeze(1)
        assert len(patches) == plan.n_tokens
        for shown, grid, first in zip(
            (looks.shown[of[0], patches][:4], looks.shown[of[0], patches][4:]),
            plan.token_grids,
            (plan.low, plan.high),
            strict=True,
        ):
            assert first is not None
            # Where the point is in this view, in tokens, from the plan's own pixels.
            x = (first.left + point.x / 100 * first.scaled_w) / 14
            y = (first.top + point.y / 100 * first.scaled_h) / 14
            shows = shown.view(grid)
            assert shows[min(int(y), grid[0] - 1), min(int(x), grid[1] - 1)]
            far = [(r, c) for r, c in shows.nonzero().tolist() if abs(r + 0.5 - y) > 1 or abs(c + 0.5 - x) > 1]
            assert not far
        assert not (looks.shown[of] & ~looks.visible[of]).any()
        assert torch.equal(found.asked.shown[number], looks.shown[of[0]]) and int(found.asked.rows[number]) == row
        ends = int(found.asked.positions[number])
        assert set(found.name[of].tolist()) == {ends} and int(found.only[number]) == number
        assert processor.tokenizer.decode(batch["input_ids"][row, ends - 8 : ends + 1].tolist()).endswith(" square")
        assert ends < int(looks.positions[of].min()) and found.asked.visible[number].sum() <= ends + 1
        assert (looks.visible[of].sum(1) <= looks.positions[of] + 1).all()
        assert not (looks.visible[of] & ~example).any()


def test_places_are_those_of_the_picture_whatever_its_padding(config: RunConfig) -> None:
    processor = build_processor(config)
    batch = _batch(processor, 0, 2)
    found = places_of(batch, processor.tokenizer)
    assert found is not None
    assert len(found.positions) == int((batch["input_ids"] == processor.tokenizer.special.im_patch).sum())
    plan = make_plan(40, 32, processor.crop)
    assert plan.high is not None
    edge = plan.low.top / 14  # 40x32 in 28x28: padding above and below
    rows = (np.arange(2) + 0.5 - edge) / (plan.low.scaled_h / 14)
    assert found.down[:4].view(2, 2)[:, 0].tolist() == [int(place * PLACES) for place in rows]
    assert found.across[:4].view(2, 2)[0].tolist() == [PLACES // 4, 3 * PLACES // 4]


def test_examples_of_several_pictures_or_none_teach_no_looking(config: RunConfig) -> None:
    processor = build_processor(config)
    batch = _batch(processor, 2, 5)
    assert points_of(batch, processor.tokenizer, 1) is None  # as if each picture had one view
    text = collate([[processor.train(tiny.squares(blind=(3,))[3], np.random.default_rng(0))]])
    assert points_of(text, processor.tokenizer, 2) is None and places_of(text, processor.tokenizer) is None


def test_heads_learn_to_look_and_tokens_to_say_where_they_are(config: RunConfig, tmp_path: Path) -> None:
    figures: dict[bool, dict[str, Any]] = {}
    for taught in (True, False):
        settings = GROUNDING if taught else GROUNDING.replace(attention=1e-9, places=1e-9, digits=1e-9)
        out = tmp_path / str(taught)
        run(config.replace(steps=60, grounding=settings), out)
        figures[taught] = read_jsonl(out / "metrics.jsonl")[-1]["grounding"]
    # Readers learn in both; what they read, and where heads look, is taught in one.
    assert figures[True]["looked"] > 1.5 * figures[False]["looked"]
    assert figures[True]["placed"] > figures[False]["placed"]


def test_the_loss_is_of_the_attention_that_the_model_computes(config: RunConfig) -> None:
    processor = build_processor(config)
    model = build_model(config, processor).eval()
    model.decoder.set_attn_implementation("eager")
    teacher = Grounding(model, GROUNDING.replace(places=0, digits=0), processor.crop, processor.tokenizer, 0)
    batch = _batch(processor, 2, 5, 8, 11)
    with torch.no_grad():
        attention, behind = model(**batch, output_attentions=True).attentions
        loss, figures = teacher.loss(batch)
    points = points_of(batch, processor.tokenizer, 2)
    assert points is not None and points.asked is not None
    masses = {
        name: (attention[looks.rows, 1, looks.positions] * looks.shown).sum(-1)
        for name, looks in (("looked", points.written), ("found", points.asked))
    }
    masses["recalled"] = behind[points.written.rows, 1, points.written.positions, points.name]
    expected = sum((0.5 * -mass.log().mean() for mass in masses.values()), torch.zeros(()))
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-4)
    assert figures == {name: pytest.approx(float(mass.mean()), abs=1e-4) for name, mass in masses.items()}


def test_a_stopped_run_goes_on_with_its_readers(config: RunConfig, tmp_path: Path, monkeypatch: Any) -> None:
    settings = config.replace(grounding=GROUNDING, steps=6, checkpoint_every=3)
    settings = settings.replace(parallel=settings.parallel.replace(async_save=True))  # copies model and readers
    run(settings, tmp_path / "whole")
    kept = tmp_path / "part"
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "prune", lambda *_: None)
        run(settings, kept)
    for name in ("step-6", "final"):
        checkpoint_folder = kept / name
        for path in sorted(checkpoint_folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        checkpoint_folder.rmdir()
    run(settings, kept, resume=True)
    traces = [
        [(row["loss"], row["norm"], row["grounding"]) for row in read_jsonl(out / "metrics.jsonl")]
        for out in (tmp_path / "whole", kept)
    ]
    assert traces[0] == traces[1] and len(traces[0]) == 6
    weights = [load_model(out / "final").state_dict() for out in (tmp_path / "whole", kept)]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_what_it_is_not_made_for_is_refused(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not all 0"):
        GroundingConfig(attention=0, places=0, digits=0)
    with pytest.raises(ConfigError, match="different numbers"):
        GroundingConfig(heads=(1, 1))
    with pytest.raises(ConfigError, match=r"2 layers of 2 heads.*one layer must follow"):
        run(config.replace(grounding=GROUNDING.replace(layer=1)), tmp_path / "layer")
    with pytest.raises(ConfigError, match=r"crop.keep=1"):
        crop = config.crop.replace(keep=1, policy="random") if config.crop else None
        run(config.replace(grounding=GROUNDING, crop=crop), tmp_path / "keep")
    with pytest.raises(ConfigError, match="isolate=false"):
        config.replace(grounding=GROUNDING, loader=config.loader.replace(isolate=False))
