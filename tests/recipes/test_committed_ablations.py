"""The committed figures of ablations: as many as the README says, whole, and one made again from nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from openmolmo.recipes.ablate.base import ABLATIONS
from openmolmo.recipes.ablate.resolve import resolve
from openmolmo.recipes.ablate.results import RESULT, read_result
from openmolmo.recipes.ablate.work import carry_out

ROOT = Path(__file__).parents[2]
TABLES = ("2a", "2b", "2c", "2d", "2e", "2f", "3a", "3b", "3c", "4a", "4b", "4c", "4d", "12", "15a", "15b", "15c")


def committed() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks" / "results" / "ablations.json").read_text(encoding="utf-8"))
    return found["ablations"]  # type: ignore[no-any-return]


def test_as_many_tables_as_the_readme_says_have_three_seeds() -> None:
    found = committed()
    assert set(TABLES) <= set(found)
    run = [name for name in TABLES if len((found[name]["contrasts"][0]["found"] or {}).get("by_seed", ())) >= 3]
    said = re.search(r"(\d+) of its tables have been run, three seeds each", (ROOT / "README.md").read_text("utf-8"))
    assert said and int(said[1]) == len(run)
    for name in run:
        assert ABLATIONS.get(name).metric == found[name]["metric"]
        for contrast in found[name]["contrasts"]:
            if (numbers := contrast["found"]) is None:
                continue
            assert numbers["low"] <= numbers["difference"] <= numbers["high"]
            scores = [found[name]["arms"][contrast[arm]]["seeds"] for arm in ("arm", "against")]
            gaps = [scores[0][seed] - scores[1][seed] for seed in numbers["by_seed"]]
            assert numbers["difference"] == pytest.approx(sum(gaps) / len(gaps), abs=1e-6)


def test_the_page_has_the_figures_of_the_file() -> None:
    page = (ROOT / "docs" / "ablations.md").read_text(encoding="utf-8")
    for name, one in committed().items():
        for contrast in one["contrasts"]:
            row = f"| {name} | {contrast['arm']} against {contrast['against']} |"
            found = next(line for line in page.splitlines() if line.startswith(row))
            if contrast["found"]:
                assert contrast["verdict"] in found
                assert f"| {100 * contrast['found']['difference']:+.1f} |" in found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_figure_is_made_again(tmp_path: Path) -> None:
    """Single crop, seed 0: other processors round otherwise, in bfloat16 or not, so that it is not the same digit."""
    ablation = ABLATIONS.get("2d")
    run = next(run for run in resolve(ablation) if (run.arm, run.seed) == ("single crop", 0))
    assert carry_out(run, tmp_path)
    score = read_result(tmp_path / run.folder / RESULT).score(ablation.metric)
    assert score == pytest.approx(committed()["2d"]["arms"]["single crop"]["seeds"]["0"], abs=0.03)
