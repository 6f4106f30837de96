"""What ``openmolmo train --dry-run`` shows: nothing cut off, nothing a user need not read, and all of it as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from rich.console import Console

from openmolmo.core.config import override, to_dict
from openmolmo.core.errors import ConfigError
from openmolmo.core.progress import table
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.commands import train
from openmolmo.training.config import PatchRunConfig, RunConfig
from openmolmo.training.describe import Description, describe
from openmolmo.training.estimate.encoder import planned_reader
from openmolmo.training.patch_labels.head import make_reader
from openmolmo.training.recipe import load_recipe


def printed(description: Description, title: str, width: int = 80) -> list[str]:
    """The lines of a table's rows, as on a terminal of ``width`` columns."""
    console = Console(width=width)
    columns, rows = next((columns, rows) for name, columns, rows in description.tables if name == title)
    with console.capture() as captured:
        console.print(table(title, columns, rows))
    return [line for line in captured.get().splitlines() if line.startswith("│")]


def test_a_data_set_takes_a_line_and_those_not_here_are_told_of_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    at_hub = describe(load_recipe("molmo_sft_7b_d"), gpu="h100")
    copies = describe(load_recipe("molmo_sft_7b_d", root="copies"), gpu="h100")
    for description, word in ((at_hub, "at the hub"), (copies, "not here")):
        lines = printed(description, "Data")
        assert len(lines) == 33 and all(word in line for line in lines)
        assert any("pixmo_points-high_frequency_counting" in line for line in lines)
        (note,) = (note for note in description.notes["Data"] if note.startswith(word))
        assert "33" in note or "32 more" in note
        assert "docs/how-to/use-published-data.md" in note
    assert "copies/pixmo_ask_model_anything does not exist" in copies.notes["Data"][1]


def test_nothing_is_cut_off() -> None:
    name = "runs/" + "a-long-name-" * 8 + "/final"
    description = describe(load_recipe("molmo_sft_7b_d").replace(init_from=name))
    assert any(name in note for note in description.notes["Parameters"])
    wide = table("Wide", ("what", "value"), [("a" * 60, "b" * 60)])
    console = Console(width=60)
    with console.capture() as captured:
        console.print(wide)
    shown = captured.get()
    assert "…" not in shown and shown.count("a") >= 60 and shown.count("b") == 60


def test_settings_are_short_for_people_and_whole_for_programs() -> None:
    config = override(load_recipe("molmo_sft_7b_d"), ["optimizer.llm.lr=0.00030000000000000003"])
    description = describe(config)
    assert len(description.shown.splitlines()) < 64 < len(description.settings.splitlines())
    assert max(map(len, description.shown.splitlines())) <= 120
    short = json.loads(description.shown)
    assert short["optimizer"]["llm"]["lr"] == 0.0003
    assert short["mixture"]["groups"][1]["sources"] == "23 data sets, see the table"
    on = {name: value for name, value in to_dict(config).items() if value is not None and value is not False}
    assert {**short, "mixture": None, "optimizer": None} == {**on, "mixture": None, "optimizer": None}
    result = CliRunner().invoke(train, ["molmo_sft_7b_d", "steps=7", "--dry-run", "--json"])
    assert result.exit_code == 0, result.exception
    assert json.loads(result.stdout) == to_dict(override(load_recipe("molmo_sft_7b_d"), ["steps=7"]))
    few = json.loads(describe(load_recipe("nano_caption").replace(init_from=None)).shown)["mixture"]["groups"]
    assert few[0]["sources"][0]["options"]["generator"] == "scenes"


def test_a_shortened_warm_up_is_explained() -> None:
    description = describe(load_recipe("molmo_sft_7b_d").replace(steps=300))
    assert all("60 of 200" in line for line in printed(description, "Parameters")[:3])
    assert any("at most a fifth of the 300 steps" in note for note in description.notes["Parameters"])
    whole = describe(load_recipe("molmo_sft_7b_d"))
    assert " of " not in "".join(printed(whole, "Parameters")) and len(whole.notes["Parameters"]) == 1


def test_what_is_frozen_has_no_rate() -> None:
    encoder, *_ = printed(describe(load_recipe("nano_caption").replace(init_from=None)), "Parameters")
    assert "frozen" in encoder


def test_an_encoder_is_planned_for_a_device() -> None:
    config = load_recipe("nano_connector")
    found = describe(config, gpu="rtx4090").tables
    tables = {title.split()[0]: {str(row[0]): str(row[1]) for row in rows} for title, _, rows in found}
    assert "it fits" in tables["Memory"]["RTX 4090 has"]
    assert "assumed" in tables["Work"]["a step on 1 x RTX 4090"]
    large = describe(config.replace(batch=1_000_000), gpu="rtx4090")
    assert "it does not fit" in str(large.tables)


def test_time_is_a_range_with_the_sending_or_by_a_measured_share() -> None:
    config = load_recipe("molmo_caption_7b_d")
    rows = {str(row[0]): str(row[1]) for _, _, rows in describe(config, 8, "h100").tables for row in rows}
    assert rows["a step on 8 x H100 SXM"].endswith("assumed, sending hidden, or 16%, as the published run")
    quick, slow = (float(word) for word in rows["a step on 8 x H100 SXM"].split(" s ")[0].split(" to "))
    assert slow == pytest.approx(quick * 0.35 / 0.16, rel=0.01) and "of it sending, about" in rows
    slowly = {str(row[0]): str(row[1]) for _, _, rows in describe(config, 64, "rtx4090").tables for row in rows}
    step, sending = slowly["a step on 64 x RTX 4090"], float(slowly["of it sending, about"].split()[0])
    quick_of_slow, slow_of_slow = (float(word) for word in step.split(" s ")[0].split(" to "))
    assert step.endswith("and none hidden") and slow_of_slow - sending < quick_of_slow < slow_of_slow
    alone = {str(row[0]): str(row[1]) for _, _, rows in describe(config, 1, "h100").tables for row in rows}
    assert "of it sending, about" not in alone
    given = describe(config, 8, "h100", 0.35)
    measured = {str(row[0]): str(row[1]) for _, _, rows in given.tables for row in rows}
    assert measured["a step on 8 x H100 SXM"] == f"{quick:g} s at 35% of the peak, as given"
    with pytest.raises(ConfigError, match="35 is no share of the peak"):
        describe(config, utilisation=35)


@pytest.mark.parametrize("name", ["nano_encoder", "nano_connector", "nano_see"])
def test_an_encoders_activations_are_those_that_torch_keeps(name: str) -> None:
    config = load_recipe(name).replace(anchor=0.0)
    assert isinstance(config, PatchRunConfig)
    config = config.replace(batch=2, init_from=None)
    processor = build_processor(config)
    model = build_model(config, processor)
    reader = make_reader(config, model)
    stay = (*reader.parameters(), *reader.buffers())
    weights = {tensor.untyped_storage().data_ptr() for tensor in stay}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    side = config.crop.crop_size
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        logits, offsets = reader(torch.zeros(2, 3, side, side))
    assert offsets.requires_grad and logits
    plan = planned_reader(config, half=False)
    assert plan.memory["activations"] == pytest.approx(sum(kept.values()), rel=0.33)
    assert sum(plan.trained.values()) == sum(parameter.numel() for parameter in reader.parameters())


def test_a_recipe_without_its_data_is_still_planned(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(train, ["finetune_lora", "--dry-run"])
    assert result.exit_code == 0, result.exception
    assert "not here: data: data does not exist" in result.stdout
    config = load_recipe("finetune_lora")
    assert isinstance(config, RunConfig) and config.steps == 200
