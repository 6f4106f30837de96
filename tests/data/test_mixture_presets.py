"""The presets: shares as in the paper's table, sources that open, and the command that prints them."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner
from published_cases import FIXTURES, PUBLISHED

from openmolmo.core.errors import ConfigError, NotRegisteredError
from openmolmo.data.mixture import GroupConfig, Mixture, MixtureConfig, SourceConfig
from openmolmo.data.presets import PRESETS, TABLE_ROWS, mixture_rates, mixture_table, released
from openmolmo.records.commands import data


def published_table() -> dict[str, float]:
    with (FIXTURES / "sft_mixture.csv").open(encoding="utf-8") as stream:
        return {row["dataset"]: float(row["rate_percent"]) for row in csv.DictReader(stream)}


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_shares_equal_the_table_within_its_rounding(preset: str) -> None:
    table = published_table()
    assert mixture_table() == table
    config = PRESETS[preset]()
    rates, total = mixture_rates(config), sum(table.values())
    assert math.isclose(sum(rates.values()), 1.0)
    for row, (_, names) in TABLE_ROWS.items():
        share = 100 * sum(rates[name] for name in names)
        if preset == "paper":
            assert share == pytest.approx(100 * table[row] / total)  # the rounded table sums to 100.1
        else:
            assert abs(share - table[row]) <= 0.05, row  # half of the table's last digit


def test_human_and_synthetic_charts_have_equal_totals() -> None:
    rates = mixture_rates(released())
    assert rates["chart_qa-human"] == rates["chart_qa-synthetic"]


def test_groups_of_the_released_mixture() -> None:
    rates = {group.name: group.rate for group in released().groups}
    assert rates == {"demo": 0.15, "auxiliary": 0.5, "pointing": 0.35}
    with_text = mixture_rates(released(text_rate=0.25))
    assert with_text["tulu3-0.1"] == pytest.approx(0.2)


def test_sets_can_be_left_out() -> None:
    config = released(without=("android_control", "pixmo_docs-charts"))
    names = {source.name for group in config.groups for source in group.sources}
    assert not {"android_control", "pixmo_docs-charts"} & names and "pixmo_docs-tables" in names
    with pytest.raises(NotRegisteredError, match="no set 'android'"):
        released(without=("android",))


def test_shares_of_sets_without_a_size_are_not_guessed() -> None:
    config = MixtureConfig(groups=(GroupConfig(rate=1.0, sources=(SourceConfig(source="pixmo_cap"),)),))
    with pytest.raises(ConfigError, match="pixmo_cap has no rate_size"):
        mixture_rates(config)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_source_of_a_preset_opens_and_gives_examples(preset: str) -> None:
    # AI2D's fixture has one picture beside its test, which is then for validation.
    config = PRESETS[preset](PUBLISHED, images=PUBLISHED / "pictures", without=("ai2d",), text_rate=0.1)
    mixture = Mixture(config, seed=0)
    seen = set()
    for position in range(4096):
        place = mixture.place(position)
        seen.add(mixture.names[place.source])
        if position < 200:
            assert mixture.example(place)[0].annotations
    assert seen == set(mixture.names)


def test_the_command_prints_both_shares() -> None:
    result = CliRunner().invoke(data, ["mix", "released", "--json"])
    assert result.exit_code == 0, result.output
    rows = {row["set"]: row for row in json.loads(result.output)["rows"]}
    assert rows["Points"]["paper"] == 28.8 and rows["Points"]["percent"] == pytest.approx(28.8, abs=0.05)
    table = CliRunner().invoke(data, ["mix", "paper"]).output
    assert "TabWMP" in table and "28.8" in table


def test_the_command_counts_what_is_at_hand(tmp_path: Path) -> None:
    (tmp_path / "images").symlink_to(PUBLISHED / "pictures")
    for name in ("pixmo_cap", "pixmo_points", "pixmo_count", "pixmo_ask_model_anything"):
        (tmp_path / name).symlink_to(PUBLISHED / name)
    others = {source for source, _ in TABLE_ROWS.values()} - {path.name for path in tmp_path.iterdir()}
    arguments = ["mix", "released", "--root", str(tmp_path), "--json"]
    result = CliRunner().invoke(data, [*arguments, *(word for name in sorted(others) for word in ("--without", name))])
    assert result.exit_code == 0, (result.output, result.exception)
    rows = {row["set"]: row["examples"] for row in json.loads(result.output)["rows"]}
    assert rows["Cap"] == 2 and rows["Count"] == 4 and rows["ScienceQA"] == 0
