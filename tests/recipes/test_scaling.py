"""Scaling laws: the fit and what is said of it, from losses that are made up; the parts that make real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from openmolmo.cli import cli
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import write_json
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.model import load_model
from openmolmo.model.checkpoint import save_model
from openmolmo.recipes.ablate.graft import graft
from openmolmo.recipes.ablate.queue import Plan, in_order
from openmolmo.recipes.ablate.resolve import Run, resolve
from openmolmo.recipes.ablate.results import RESULT, read_results
from openmolmo.recipes.scaling.base import GRIDS, Grid, Target
from openmolmo.recipes.scaling.findings import findings_of
from openmolmo.recipes.scaling.fit import Point, bootstrap, fit_law
from openmolmo.recipes.scaling.grids import CROPS, SIZE
from openmolmo.recipes.scaling.pace import kind_of, tell_pace
from openmolmo.recipes.scaling.sentences import says_check, says_prediction, says_slope
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import RunConfig

BOTH = ("parameters", "pictures")
SIZES = {"1x128": 185_088, "2x256": 517_632, "4x512": 1_625_088, "6x768": 3_322_368}


def loss_of(parameters: float, pictures: float) -> float:
    return 0.4 + 0.3 * (parameters / 1e6) ** -0.35 + 0.5 * (pictures / 1280) ** -0.6


def points_of(law: Callable[[float, float], float], noise: float = 0.004) -> list[Point]:
    rng = np.random.default_rng(3)
    return [
        Point(values={"parameters": n, "pictures": d}, loss=law(n, d) * float(np.exp(noise * rng.normal())), seed=seed)
        for n in SIZES.values()
        for d in (320, 640, 1280, 2560)
        for seed in (0, 1)
    ]


def finish(run: Run, root: Path, loss: float | None, **more: object) -> None:
    """The result of a run as the harness writes it; no loss: it diverged."""
    name, _, pictures = run.arm.partition(", ")
    point = {"parameters": SIZES.get(name, 1e6), "pictures": float(pictures.split()[0]) if pictures else 1200.0}
    point["crops"] = float(name.split()[0]) if "crop" in name else 1.0
    about = {
        "arm": run.arm,
        "seed": run.seed,
        "scale": run.scale,
        "shared": run.shared,
        "recipe": run.recipe,
        "metric": run.metric,
    }
    about |= {"status": "diverged" if loss is None else "done", "seconds": {"judging": 60.0}, "point": point}
    about |= {"machine": {"code": run.code, "host": "here"}, **more}
    rows = {} if loss is None else {"captions": [{"id": "a", "example_id": "a", "scores": {"nats": loss}}]}
    write_json(root / run.folder / RESULT, {"rows": rows, "run": about})


def fill(root: Path, law: Callable[[float, float], float] = loss_of, *, leave_out: int = 0) -> list[Run]:
    """A folder of all runs of SIZE but the last few."""
    runs = resolve(SIZE.ablation)
    rng = np.random.default_rng(3)
    for run in runs[: len(runs) - leave_out]:
        name, _, pictures = run.arm.partition(", ")
        finish(run, root, law(SIZES[name], float(pictures.split()[0])) * float(np.exp(0.004 * rng.normal())))
    return runs


def test_a_fit_finds_the_law_that_made_the_losses() -> None:
    points = points_of(loss_of)
    law = fit_law(points, BOTH)
    assert law.floor == pytest.approx(0.4, abs=0.1)
    assert law.exponents["parameters"] == pytest.approx(0.35, abs=0.1)
    assert law.exponents["pictures"] == pytest.approx(0.6, abs=0.1)
    assert law.spread < 0.006
    draws = bootstrap(points, BOTH, law, rounds=60)
    assert len(draws) == 60
    for found, true in (
        ([one.exponents["parameters"] for one in draws], 0.35),
        ([one.exponents["pictures"] for one in draws], 0.6),
        ([one.floor for one in draws], 0.4),
        ([one({"parameters": 1e7, "pictures": 10_000}) for one in draws], loss_of(1e7, 10_000)),
    ):
        low, high = np.quantile(found, (0.025, 0.975))
        assert low < true < high
    pure = fit_law(points, BOTH, floor=False)
    assert pure.floor == 0 and pure.spread > law.spread
    one_run_astray = [*points[:-1], replace(points[-1], loss=points[-1].loss * 3)]
    assert fit_law(one_run_astray, BOTH).exponents["pictures"] == pytest.approx(0.6, abs=0.15)


def test_what_is_said_follows_from_the_intervals(tmp_path: Path) -> None:
    fill(tmp_path)
    laws = findings_of(SIZE, read_results(tmp_path, "size"), rounds=30).laws
    assert laws is not None
    assert {slope.verdict for slope in laws.slopes} == {"found"}
    assert all("exponent of 0." in says_slope(slope) for slope in laws.slopes)
    largest, parameters, pictures = laws.checks
    assert (largest.left_out, parameters.left_out, pictures.left_out) == (2, 8, 8)
    assert parameters.further == {"parameters": pytest.approx(2.044, abs=0.01), "pictures": 1.0}
    assert all(abs(check.error) < 0.05 for check in laws.checks)
    assert "off by" in says_check(largest)
    said = says_prediction(laws.predictions[0], laws)
    assert "301 times (parameters) the largest run" in said and "this is a guess" in said
    assert laws.predictions[0].loss.low < loss_of(1e9, 2560) < laws.predictions[0].loss.high
    assert "do not determine" not in said

    fill(tmp_path, lambda n, d: loss_of(1e6, d))
    laws = findings_of(SIZE, read_results(tmp_path, "size"), rounds=24).laws
    assert laws is not None
    assert laws.slopes[0].verdict == "not shown" and "do not show that it falls" in says_slope(laws.slopes[0])
    assert laws.slopes[1].verdict == "found"
    assert "an exponent that these runs do not determine (parameters)" in says_prediction(laws.predictions[0], laws)


def test_a_step_down_says_not_how_steep_it_is(tmp_path: Path) -> None:
    """All but the smallest are alike: it falls, and any large exponent does."""
    fill(tmp_path, lambda n, d: loss_of(1e6, d) + (0.2 if n < 2e5 else 0.0))
    laws = findings_of(SIZE, read_results(tmp_path, "size"), rounds=24).laws
    assert laws is not None and laws.slopes[0].verdict == "steepness unknown"
    assert "anywhere from" in says_slope(laws.slopes[0])


def test_the_report_tells_what_is_missing_diverged_or_of_other_code(tmp_path: Path) -> None:
    runs = fill(tmp_path / "r", leave_out=2)
    finish(runs[0], tmp_path / "r", None)
    finish(runs[5], tmp_path / "r", float("nan"))
    other = replace(runs[1], scale=0.5, shared="other")
    finish(replace(other, seed=7), tmp_path / "r", 9.0)
    files = [str(tmp_path / f"out.{kind}") for kind in ("html", "md", "json")]
    asked = ["scaling", "report", "--dir", str(tmp_path / "r"), "--rounds", "40"]
    done = CliRunner().invoke(cli, [*asked, "--html", files[0], "--markdown", files[1], "--json", files[2]])
    assert done.exit_code == 0, done.output
    text = Path(files[1]).read_text()
    assert "30 of 32 runs are finished" in text
    assert f"Missing: {runs[-2].arm}, seed 1; {runs[-1].arm}, seed 1." in text
    assert f"left out: {runs[0].arm}, seed 0; {runs[5].arm}, seed 0." in text
    assert "Kept apart: 1 runs by code" in text
    assert "No runs yet: `openmolmo scaling run crops" in text
    page = Path(files[0]).read_text()
    assert page.count("<svg") == 4 and "http" not in page.replace("http://www.w3.org", "")
    value = json.loads(Path(files[2]).read_text())["grids"]["size"]
    assert len(value["runs"]) == 28 and value["diverged"] == [[runs[0].arm, 0], [runs[5].arm, 0]]
    assert value["law"]["exponents"].keys() == {"parameters", "pictures"} and value["predictions"][0]["said"]
    shown = CliRunner().invoke(cli, asked)
    assert shown.exit_code == 0 and "found" in shown.output


def test_too_little_is_refused_in_words(tmp_path: Path) -> None:
    runs = resolve(SIZE.ablation)
    for run in runs[:6]:
        finish(run, tmp_path, 1.0)
    found = findings_of(SIZE, read_results(tmp_path, "size"))
    assert found.laws is None
    assert (
        found.refusal
        == "6 runs are too few for a law of parameters and pictures: it has 5 numbers, and 7 runs are the least"
    )
    for run in runs[6:8]:
        finish(run, tmp_path, 1.0)
    assert "have 2 values of pictures (320, 640)" in findings_of(SIZE, read_results(tmp_path, "size")).refusal
    shown = CliRunner().invoke(cli, ["scaling", "report", "--dir", str(tmp_path)])
    assert shown.exit_code == 0 and "2 values of pictures" in " ".join(shown.output.replace("│", " ").split())
    path = tmp_path / runs[0].folder / RESULT
    value = json.loads(path.read_text())
    del value["run"]["point"]
    path.write_text(json.dumps(value))
    with pytest.raises(DataError, match="does not say where the run stands"):
        findings_of(SIZE, read_results(tmp_path, "size"))
    for arguments, said in (
        (["run", "sise"], "did you mean size"),
        (["run", "size", "--budget", "soon"], "is no time"),
        (["report", "--rounds", "5"], "at least 40 draws"),
    ):
        done = CliRunner().invoke(cli, ["scaling", *arguments, *(["--dir", str(tmp_path)])])
        assert done.exit_code and said in f"{done.output} {done.exception} {getattr(done.exception, 'fix', '')}"


def test_a_budget_that_is_too_small_is_told(tmp_path: Path) -> None:
    plan = Plan(ablation=CROPS.ablation, runs=tuple(resolve(CROPS.ablation)))
    pace = {kind_of(stage): 0.5 for run in plan.runs for stage in run.stages}
    assert len(pace) == 5  # one encoder, four numbers of crops
    said = tell_pace(CROPS, plan, tmp_path, pace, 1, 5.0)
    assert "5 minutes are too few for crops: its 8 runs need about 23 here" in said and "a law needs 5 of them" in said
    assert "about 23 minutes for 8 runs" in tell_pace(CROPS, plan, tmp_path, pace, 1, 60.0)
    for run in plan.runs:
        finish(run, tmp_path, 1.0)
    assert "about 0 minutes" in tell_pace(CROPS, plan, tmp_path, pace, 1, 60.0)


def test_every_grid_is_built_of_runs_that_share_an_encoder_and_see_a_picture_once() -> None:
    assert {"crops", "size"} <= set(GRIDS)
    for grid in (SIZE, CROPS):
        runs = resolve(grid.ablation)
        assert len({run.settings for run in runs}) == len(runs) == 2 * len(grid.arms)
        assert len({run.stages[0].key for run in runs}) == 1
        assert [run.seed for run in in_order([Plan(ablation=grid.ablation, runs=tuple(runs))], Path("none"))] == [
            run.seed for run in runs
        ]
        for run in runs:
            last = run.stages[-1]
            assert isinstance(last.config, RunConfig) and last.seen == f"{run.stages[0].folder}/final"
            assert last.config.init_from == f"starts/caption-{last.key}"
            (drawn,) = run.world.drawn.values()
            assert last.config.steps * last.config.loader.rows == drawn.train
    with pytest.raises(ConfigError, match="names the factor 'depth'"):
        Grid(ablation=SIZE.ablation, factors=("depth",))
    with pytest.raises(ConfigError, match="points of a curve"):
        Grid(ablation=replace(SIZE.ablation, every_run=False, contrasts=(), arms=(), cannot="so"), factors=BOTH)
    with pytest.raises(ConfigError, match="has 'crops', which is no factor"):
        Grid(ablation=SIZE.ablation, factors=BOTH, targets=(Target(name="far", values={"crops": 9}),))


def test_all_crops_have_the_same_targets() -> None:
    example = make_example(GENERATORS.get("small_scenes"), 2, 0, size=192, split="test")
    captioned = example.replace(annotations=tuple(one for one in example.annotations if one.kind == "caption"))
    targets, lengths = set(), set()
    for run in resolve(CROPS.ablation, seeds=1):
        processor = build_processor(run.stages[-1].config.replace(init_from=None))
        made = processor.train(captioned, np.random.default_rng(0), max_length=1024)
        targets.add(tuple(int(token) for token, weight in zip(made.labels, made.loss_weights, strict=True) if weight))
        lengths.add(len(made))
    assert len(targets) == 1 and len(lengths) == 4 and max(lengths) < 512


def test_a_new_language_model_is_grafted_onto_what_sees(tmp_path: Path) -> None:
    config = resolve(SIZE.ablation, seeds=1)[0].stages[-1].config
    assert config.model == "micro_1x128"
    whole = config.replace(init_from=None, model="micro", seed=9)
    seen = build_model(whole, build_processor(whole))
    save_model(seen, tmp_path / "seen")
    graft(config, tmp_path / "seen", tmp_path / "start")
    graft(config.replace(seed=1), tmp_path / "seen", tmp_path / "other")
    made, other = (dict(load_model(tmp_path / name).named_parameters()) for name in ("start", "other"))
    for name, weight in dict(seen.named_parameters()).items():
        if name.startswith(("encoder.", "connector.")):
            assert torch.equal(weight, made[name]) and torch.equal(weight, other[name])
    words = [name for name in made if "embedding.base" in name or name == "lm_head.weight"]
    assert words and not any(torch.equal(made[name], other[name]) for name in words)
    again = build_model(
        config.replace(init_from=str(tmp_path / "start")), build_processor(config.replace(init_from=None))
    )
    assert len(again.decoder.layers) == 1
    with pytest.raises(ConfigError, match="nano cannot see by what"):
        graft(config.replace(model="nano"), tmp_path / "seen", tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_small_grid_runs_to_its_report(tmp_path: Path) -> None:
    asked = ["scaling", "run", "crops", "--scale", "0.006", "--workers", "1", "--dir", str(tmp_path), "--budget", "9m"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    results = [json.loads(path.read_text()) for path in tmp_path.glob("runs/crops/*/result.json")]
    assert len(results) == 8 and {one["run"]["status"] for one in results} == {"done"}
    assert {one["run"]["point"]["crops"] for one in results} == {1, 2, 5, 10}
    assert len({one["rows"]["captions"][0]["scores"]["nats"] for one in results}) == 8
    assert len(list(tmp_path.glob("stages/see-*/final"))) == 1 and len(list(tmp_path.glob("starts/caption-*"))) == 8
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/crops/*/result.json")}
    assert CliRunner().invoke(cli, asked).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
