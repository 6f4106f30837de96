"""Every built-in plug-in is documented and works; a new one without an entry here fails."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from transformers import AutoConfig

from openmolmo.cli import _SUMMARIES
from openmolmo.core.registry import Registry
from openmolmo.data.sources.base import SOURCES
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.evaluation.runner import pick_questions
from openmolmo.evaluation.tasks import TASKS
from openmolmo.model import PRESETS
from openmolmo.model.encoders import ENCODERS
from openmolmo.records import write_dataset
from openmolmo.records.audit import audit_dataset
from openmolmo.records.check import check_dataset
from openmolmo.records.example import Example
from openmolmo.records.rules import violations
from openmolmo.training.config import CropPolicyRunConfig, NameRunConfig, PatchRunConfig
from openmolmo.training.describe import describe
from openmolmo.training.recipe import RECIPES, load_recipe
from openmolmo.words.answer import read_answer

DOCS = Path(__file__).parents[2] / "docs"


def _load_generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = _load_generate()
COMMANDS = GENERATE.built_in_commands()


def built_in(registry: Registry[Any]) -> list[str]:
    names: list[str] = GENERATE.built_in(registry)
    return names


def section(heading: str) -> str:
    """What stands under a heading of the reference."""
    page = (DOCS / "reference.md").read_text(encoding="utf-8")
    match = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    assert match, f"docs/reference.md has no heading '### {heading}': run `make docs`"
    return match[1].strip()


@pytest.mark.parametrize("kind", GENERATE.REGISTRIES)
def test_every_plug_in_has_a_heading_with_words_under_it(kind: str) -> None:
    registry, _ = GENERATE.REGISTRIES[kind]
    names = built_in(registry)
    assert names
    for name in names:
        assert len(section(f"{kind} {name}").split()) >= 4


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_heading_a_summary_and_help(name: str) -> None:
    help_text = CliRunner().invoke(COMMANDS[name], ["--help"]).stdout
    assert "Usage:" in help_text and "(plug-in)" not in help_text  # one of ours whose group has no line for it
    assert section(f"command {name}").count("Usage:") == 1
    if " " not in name:
        assert _SUMMARIES[name]


# --------------------------------------------------------------------------------------- generators


@pytest.mark.parametrize("name", built_in(GENERATORS))
def test_every_generator_keeps_the_rules_and_passes_the_audit(name: str, tmp_path: Path) -> None:
    generator = GENERATORS.get(name)
    examples = [make_example(generator, 0, index, size=64) for index in range(3)]
    assert examples == [make_example(generator, 0, index, size=64) for index in range(3)]
    assert make_example(generator, 1, 0, size=64).image != examples[0].image
    assert make_example(generator, 0, 0, size=64, split="test").image != examples[0].image
    write_dataset(tmp_path / name, examples)
    report = check_dataset(tmp_path / name)
    assert report.ok, report.faults
    assert audit_dataset(tmp_path / name).ok


# ----------------------------------------------------------------------------------------- data sets

OPTIONS: dict[str, dict[str, Any]] = {
    "jsonl": {"path": "{folder}/rows.jsonl"},
    "parquet": {"path": "{folder}/shards"},
    "synth": {"generator": "clocks", "count": 3, "size": 64},
}
"""How each data set is opened here; a new one needs a line, or a folder of published rows with its name."""

PUBLISHED = Path(__file__).parents[1] / "fixtures" / "data" / "published"
SPLITS = {"ai2d": "test"}
CONFIGS = {"clock_bench": "coco", "pixmo_docs": "charts"}


def published_options(name: str) -> dict[str, Any]:
    """A published set from its fixture."""
    split = SPLITS.get(name) or SOURCES.get(name).splits[0]  # type: ignore[attr-defined]
    return {"path": str(PUBLISHED / name), "split": split, "config": CONFIGS.get(name)}


@pytest.mark.parametrize("name", built_in(SOURCES))
def test_every_data_set_opens_and_gives_examples(name: str, tmp_path: Path) -> None:
    clock = make_example(GENERATORS.get("clocks"), 0, 0, size=64)
    assert clock.image is not None and clock.image.data is not None
    write_dataset(tmp_path / "shards", [clock])
    (tmp_path / "a.jpg").write_bytes(clock.image.data)
    (tmp_path / "rows.jsonl").write_text('{"image": "a.jpg", "caption": "A clock."}\n')
    chosen = OPTIONS[name] if name in OPTIONS else published_options(name)
    made = {k: v.format(folder=tmp_path) if isinstance(v, str) else v for k, v in chosen.items()}
    source, again = (SOURCES.get(name)(**made) for _ in range(2))
    assert len(source) >= 1
    assert source.name and source.fingerprint == again.fingerprint
    example = source[len(source) - 1]
    assert isinstance(example, Example)
    assert not list(violations(example))
    assert example == again[len(source) - 1]
    with pytest.raises(IndexError):
        source[len(source)]


# ------------------------------------------------------------------- presets, recipes and encoders


@pytest.mark.parametrize("name", built_in(PRESETS))
def test_every_preset_builds_and_its_size_is_stated(name: str) -> None:
    counts = GENERATE.preset_counts(name)
    assert all(counts.values()), counts
    assert f"Parameters: {sum(counts.values()):,} (" in section(f"preset {name}")


@pytest.mark.parametrize("name", built_in(RECIPES))
def test_every_recipe_resolves_and_dry_runs(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    alone = isinstance(recipe, PatchRunConfig)  # the encoder without the rest
    # Neither the stage before nor the data need be here.
    description = describe(recipe)
    assert f'"name": "{name}"' in description.settings
    titles = [title.split()[0] for title, _, _ in description.tables]
    if isinstance(recipe, CropPolicyRunConfig | NameRunConfig):  # of a finished model, whose size says what it takes
        assert titles == ["Steps"]
    else:
        assert titles == [*(["Scenes"] if alone else ["Data", "Parameters"]), "Steps", "Memory", "Work"]
    assert set(description.notes) <= {title for title, _, _ in description.tables}


@pytest.mark.parametrize("name", built_in(ENCODERS))
def test_every_encoder_gives_one_feature_a_patch(name: str) -> None:
    config = AutoConfig.for_model(
        name,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    backbone = ENCODERS.get(name)
    model = backbone.build(config, 1)
    hidden = backbone.embed(model, torch.zeros(3, 3, 28, 28))
    assert hidden.shape == (3, backbone.leading_tokens + 4, 16)
    (block,) = backbone.blocks(model)
    assert backbone.run(block, hidden).shape == hidden.shape


# --------------------------------------------------------------------------------------------- tasks


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    unlike = {"brief_scenes", "careless_scenes"}  # captions that leave things out, or are wrong, on purpose
    true = [name for name in built_in(GENERATORS) if name not in unlike]
    return [make_example(GENERATORS.get(name), 0, i, size=64) for name in true for i in range(4)]


@pytest.mark.parametrize("name", built_in(TASKS))
def test_every_task_scores_the_truth_right_and_nonsense_wrong(name: str, examples: list[Example]) -> None:
    task = TASKS.get(name)
    questions = pick_questions([task], examples)[name]
    assert questions, "no built-in generator makes questions for this task"
    for question in questions:
        right = task.score(question, read_answer(question.reply, [question.size]))
        wrong = task.score(question, read_answer("Well, that is hard to say.", [question.size]))
        assert set(right) == set(wrong) == set(task.metrics)
        assert right[task.headline] == 1.0, (question.text, question.reply)
        assert wrong[task.headline] == 0.0, question.text
    assert task.constants(questions)
