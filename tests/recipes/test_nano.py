"""The nano recipes with text: they resolve, say what they would do, and agree with each other."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from openmolmo.engine.synth.patch_labels import FACTS
from openmolmo.imaging import CropConfig
from openmolmo.prompting.tokenizer import TextTokenizer
from openmolmo.recipes.tokenizer import generated_texts
from openmolmo.training.build import BUNDLED_TOKENIZER, build_processor
from openmolmo.training.commands import train
from openmolmo.training.recipe import RECIPES, load_recipe

THINGS = "tokenizer-things"
STAGES = ("nano_caption", "nano_sft", "nano_all", "nano_look", "nano_point", "nano_settle")


def test_both_stages_are_registered_and_fit_each_other() -> None:
    assert set(STAGES) <= set(RECIPES.names())
    first, second, *_ = stages = [load_recipe(name) for name in STAGES]
    assert tuple(stage.name for stage in stages) == STAGES
    assert first.init_from == "runs/nano_connector/final" and second.init_from == "runs/nano_caption/final"
    assert (
        first.crop
        == second.crop
        == CropConfig(crop_size=112, patch_size=14, pool=2, margins=(2, 2), max_crops=6, shift_patch_mask=False)
    )
    assert first.loader.row_length == second.loader.row_length == 512
    assert first.mixture.groups[0].sources[0].kinds == ("caption", "transcript")
    assert {g.sources[0].options["generator"] for g in second.mixture.groups} == {"scenes", "clocks"}


def test_things_and_documents_come_after_shapes_and_clocks() -> None:
    seeing, last = load_recipe("nano_see"), load_recipe("nano_all")
    assert seeing.init_from == "runs/nano_sft/final" and last.init_from == "runs/nano_see/final"
    assert seeing.tokens and {"thing", "word", "tens", "ones"} <= set(seeing.facts)
    assert not {"thing", "word", "tens", "ones"} & set(load_recipe("nano_encoder_clocks").facts)
    assert last.crop == seeing.crop and last.crop.max_crops == 9 and last.loader.split
    generators = {source.options["generator"] for group in last.mixture.groups for source in group.sources}
    assert generators == {"scenes", "icons", "cards", "clocks"}


def test_names_come_late_with_a_tokenizer_that_has_them_whole() -> None:
    look, names, last, settled = (
        load_recipe(name) for name in ("nano_look", "nano_names", "nano_point", "nano_settle")
    )
    assert settled.init_from == "runs/nano_point/final" and settled.grounding == last.grounding
    assert settled.optimizer.connector.lr == 0 and settled.optimizer.llm.lr < last.optimizer.llm.lr
    assert (look.init_from, names.init_from) == ("runs/nano_all/final", "runs/nano_look/final")
    assert last.init_from == "runs/nano_names/final" and last.tokenizer is None  # that of the names
    assert set(names.names) == {"thing", "word", "shape"} and names.tokenizer == "tokenizer-things"
    assert look.grounding == last.grounding and (names.layer, names.heads) == (
        last.grounding.layer,
        last.grounding.heads,
    )
    generators = {source.options["generator"] for group in last.mixture.groups for source in group.sources}
    assert generators == {"scenes", "icons", "full_icons", "cards", "clocks"}
    before, after = (TextTokenizer.from_pretrained(BUNDLED_TOKENIZER.parent / n) for n in ("tokenizer", THINGS))
    assert before.special == after.special and before.size == after.size  # a model can go from one to the other
    names = [f" {name}" for fact in ("thing", "word") for name in FACTS[fact][1:]]
    assert sum(len(before.encode(name)) for name in names) > 3.5 * len(names)
    assert sum(len(after.encode(name)) for name in names) < 1.5 * len(names)
    scenes = list(generated_texts(scenes=3, seed=5))
    assert sum(len(after.encode(text)) for text in scenes) < 1.02 * sum(len(before.encode(text)) for text in scenes)


@pytest.mark.parametrize("name", STAGES)
def test_dry_run(name: str) -> None:
    result = CliRunner().invoke(train, [name, "steps=7", "init_from=none", "--dry-run"])
    assert result.exit_code == 0, result.exception
    settings = json.loads(result.stdout[: result.stdout.index("\n}\n") + 3])
    assert settings["name"] == name and settings["steps"] == 7
    for expected in ("scenes", "encoder", "connector", "llm", "together, about"):
        assert expected in result.stdout


def test_the_second_stage_says_that_it_needs_the_first(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(train, ["nano_sft"])
    assert "runs/nano_caption/final" in str(result.exception) and "init_from" in str(result.exception)


def test_the_tokenizer_is_the_committed_one() -> None:
    processor = build_processor(load_recipe("nano_encoder"))
    committed = TextTokenizer.from_pretrained(BUNDLED_TOKENIZER)
    assert processor.tokenizer.special == committed.special
    assert committed.special.im_start == 4096  # special tokens follow the vocabulary
    texts = list(generated_texts(scenes=2, clocks=2, seed=5))
    for text in texts:
        ids = committed.encode(text)
        assert ids == processor.tokenizer.encode(text)
        assert committed.decode(ids) == text
        assert max(ids) < 4096
    assert sum(len(committed.encode(text)) for text in texts) < sum(map(len, texts)) / 2.5  # made for these words


def test_the_bundled_model_has_the_tokenizer_with_the_names_of_things() -> None:
    bundled = BUNDLED_TOKENIZER.parent / "nano" / "tokenizer.json"
    if not bundled.exists():
        pytest.skip("no bundled model in this installation")
    assert bundled.read_bytes() == (BUNDLED_TOKENIZER.parent / THINGS / "tokenizer.json").read_bytes()
