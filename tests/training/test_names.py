"""Names learn to look for what they name, and nothing else changes."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive
from openmolmo.core.runlog import read_jsonl
from openmolmo.engine.synth.patch_labels import NAMES
from openmolmo.imaging import CropConfig
from openmolmo.model.checkpoint import load_model, save_model
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import NameRunConfig, OptimizerConfig, PartConfig, RunConfig, SceneConfig
from openmolmo.training.describe import describe
from openmolmo.training.grounding.names import NameTrainer, name_loss, run_names

SAME = ("step", "loss", "named", "looked", "lr", "norm")


@pytest.fixture
def settings(config: RunConfig, tmp_path: Path) -> NameRunConfig:
    processor = build_processor(config)
    save_model(build_model(config, processor), tmp_path / "start")
    processor.save_pretrained(tmp_path / "start")
    return NameRunConfig(
        name="names",
        scenes=(SceneConfig(size=64, windows=2),),
        init_from=str(tmp_path / "start"),
        steps=6,
        crop=CropConfig(crop_size=28, patch_size=7, margins=(0, 0), max_crops=2, shift_patch_mask=False),
        icons=0.3,
        cards=0.2,
        layer=0,
        heads=(1,),
        windows=4,
        others=5,
        optimizer=OptimizerConfig(llm=PartConfig(lr=3e-3, warmup=2), matrices="muon", eps=1e-9),
        checkpoint_every=3,
        workers=0,
        threads=1,
        precision="float32",
    )


def test_names_are_taught_by_embeddings_queries_and_keys_and_a_run_goes_on_exactly(
    settings: NameRunConfig, tmp_path: Path
) -> None:
    final = run_names(settings, tmp_path / "whole")
    before = load_model(Path(settings.init_from or "")).state_dict()
    changed = {name for name, tensor in load_model(final).state_dict().items() if not torch.equal(tensor, before[name])}
    attention = "decoder.layers.0.self_attn."
    assert {"embedding.base.weight", f"{attention}q_proj.weight", f"{attention}k_proj.weight"} <= changed
    assert all(
        name == "embedding.base.weight" or name.startswith((f"{attention}q_", f"{attention}k_")) for name in changed
    )
    (tmp_path / "part").mkdir()
    shutil.copytree(tmp_path / "whole/step-3", tmp_path / "part/step-3")
    run_names(settings, tmp_path / "part", resume=True)
    whole, part = (
        [{key: row[key] for key in SAME} for row in read_jsonl(tmp_path / name / "metrics.jsonl")]
        for name in ("whole", "part")
    )
    assert whole[3:] == part
    assert (tmp_path / "part/final/model.safetensors").read_bytes() == (final / "model.safetensors").read_bytes()


def test_colours_are_found_by_their_names(settings: NameRunConfig, tmp_path: Path) -> None:
    easy = settings.replace(
        names=("colour",),
        icons=0.0,
        cards=0.0,
        windows=16,
        steps=100,
        log_every=1,
        checkpoint_every=100,
        optimizer=settings.optimizer.replace(llm=PartConfig(lr=3e-2, warmup=2)),
    )
    run_names(easy, tmp_path / "run")
    rows = read_jsonl(tmp_path / "run/metrics.jsonl")
    mean = {
        name: [sum(row[name] for row in part) / 15 for part in (rows[:15], rows[-15:])] for name in ("loss", "looked")
    }
    assert mean["loss"][1] < 0.95 * mean["loss"][0] and mean["looked"][1] > mean["looked"][0], mean


def test_the_logits_are_those_of_the_models_attention(settings: NameRunConfig, tmp_path: Path) -> None:
    """One picture and the question behind it, through the whole model; the first layer sees each by itself."""
    trainer = NameTrainer.start(settings, tmp_path / "run", None)
    pixels = torch.randint(0, 256, (1, 3, 28, 28), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    with torch.no_grad():
        logits = trainer._logits(pixels, [" User: the square"])
        tokens = trainer.reader.see(pixels)
    special, tokenizer = trainer.processor.tokenizer.special, trainer.processor.tokenizer
    picture = [special.bos, special.im_start, *[special.im_patch, special.im_patch, special.im_col] * 2, special.im_end]
    asked = tokenizer.encode(" User: the square")
    first = len(picture) + int(derive(settings.seed, "away", 1).integers(420))
    ids = torch.tensor([[*picture, *asked]])
    positions = torch.tensor([[*range(len(picture)), *range(first, first + len(asked))]])
    at = (ids[0] == special.im_patch).nonzero().squeeze(1)
    embedded = trainer.model.embedding(ids).index_add(1, at, tokens)
    model = trainer.model.eval()
    model.decoder.set_attn_implementation("eager")
    with torch.no_grad():
        weights = model.decoder(
            inputs_embeds=embedded, position_ids=positions, attention_mask=torch.ones_like(ids), output_attentions=True
        ).attentions[0]
    expected = weights[0, 1, -1, at]
    torch.testing.assert_close(logits[0, 0, 0].softmax(-1), expected / expected.sum(), atol=1e-5, rtol=1e-4)
    trainer.close()


def test_a_name_looks_at_its_tokens_and_tokens_are_looked_for_by_theirs() -> None:
    labels = torch.tensor([[0, -1], [1, 1]])
    right = torch.full((3, 2, 2), -9.0)
    right[0, 0, 0] = right[1, 1] = 9.0
    loss, figures = name_loss(right, labels)
    assert float(loss) < 1e-3 and figures == {"named": 1.0, "looked": pytest.approx(1.0, abs=1e-4)}
    loss, figures = name_loss(torch.zeros(3, 2, 2), labels)
    assert float(loss) == pytest.approx(math.log(3) + math.log(2) / 2, rel=1e-5)
    assert figures["looked"] == pytest.approx(0.75)


def test_dry_run_and_bad_settings(settings: NameRunConfig, tmp_path: Path) -> None:
    told = " ".join(str(value) for _, _, rows in describe(settings).tables for row in rows for value in row)
    assert f"{sum(len(NAMES[fact]) for fact in settings.names)}" in told and "windows in all 24" in told
    for change, message in (
        ({"init_from": None}, "whose encoder sees"),
        ({"names": ("hour",)}, "names has hour"),
        ({"names": ()}, "names has nothing"),
        ({"heads": ()}, "heads=none"),
        ({"others": 0}, "others=0"),
        ({"icons": 0.9, "cards": 0.1}, "leave some scenes"),
    ):
        with pytest.raises(ConfigError, match=message):
            settings.replace(**change)
    with pytest.raises(ConfigError, match="2 layers of 2 heads"):
        run_names(settings.replace(heads=(2,)), tmp_path / "run")
