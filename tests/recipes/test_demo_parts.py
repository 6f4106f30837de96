"""The parts of the demo that need no training: its folder, its schedule, its curves, its words."""

from __future__ import annotations

import itertools
import math
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.apps.demo import training
from openmolmo.apps.demo.calls import next_calls
from openmolmo.apps.demo.commands import demo
from openmolmo.apps.demo.curves import curve, log_ticks, ticks
from openmolmo.apps.demo.folder import MARKER, open_folder
from openmolmo.apps.demo.judging import questions_in
from openmolmo.apps.demo.pace import Pace
from openmolmo.apps.demo.plan import QUICK, full, too_short
from openmolmo.core.errors import CheckpointError, ConfigError, MissingDependencyError, RunError, StoppedError
from openmolmo.recipes.micro import micro_see, micro_sft


def call(*arguments: object) -> Result:
    return CliRunner().invoke(demo, [str(argument) for argument in arguments])


def finished(out: Path) -> Path:
    """A folder as a demo leaves it, with empty files."""
    open_folder(out, seed=1)
    for name in (
        "data/train-micro/train-00000.parquet",
        "data/train-micro/manifest.json",
        "training/seeing/metrics.jsonl",
        "training/seeing/config.json",
        "training/answering/final/model.safetensors",
        "training/answering/step-300/run/optimizer.pt",
        "evaluation/finished/report.html",
        "pictures/1-point.jpg",
        "report.html",
    ):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return out


def test_an_earlier_demo_is_replaced_and_what_lies_beside_it_stays(tmp_path: Path, capsys) -> None:
    out = finished(tmp_path / "demo")
    (out / "notes.txt").write_text("mine")
    (out / "holiday").mkdir()
    open_folder(out, seed=2)
    assert sorted(path.name for path in out.iterdir()) == sorted([MARKER, "holiday", "notes.txt"])
    assert "is replaced" in " ".join(capsys.readouterr().err.split())
    assert '"seed": 2' in (out / MARKER).read_text()


@pytest.mark.parametrize(
    "stranger", ["pictures/holiday.jpg", "data/mine/rows.parquet", "training/answering/notes.md", "data/x"]
)
def test_a_users_file_among_the_demos_stops_it_before_anything_is_deleted(tmp_path: Path, stranger: str) -> None:
    out = finished(tmp_path / "demo")
    (out / stranger).parent.mkdir(exist_ok=True)
    (out / stranger).write_text("mine")
    before = sorted(out.rglob("*"))
    with pytest.raises(RunError, match="not a file of the demo's"):
        open_folder(out, seed=2)
    assert sorted(out.rglob("*")) == before


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    out = finished(tmp_path / "demo")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train-00000.parquet").write_text("mine")
    (out / "data" / "train-linked").symlink_to(tmp_path / "mine")
    with pytest.raises(RunError, match="train-linked"):
        open_folder(out, seed=2)
    assert (tmp_path / "mine" / "train-00000.parquet").exists()


def test_other_folders_are_refused_and_left_alone(tmp_path: Path, random_model: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").write_text("mine")
    result = call("--quick", "--model", random_model, "--out", tmp_path / "mine")
    assert isinstance(result.exception, RunError) and "was not made by openmolmo demo" in str(result.exception)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["report.html"]
    result = call("--quick", "--model", random_model, "--out", tmp_path / "mine" / "report.html")
    assert isinstance(result.exception, RunError) and "is a file" in str(result.exception)


def test_what_is_missing_is_said_before_anything_is_written(tmp_path: Path, monkeypatch) -> None:
    result = call("--quick", "--model", "nanoo", "--out", tmp_path / "demo")
    assert isinstance(result.exception, CheckpointError) and "'nanoo'" in str(result.exception)
    monkeypatch.setitem(sys.modules, "scipy", None)
    result = call("--quick", "--out", tmp_path / "demo")
    assert isinstance(result.exception, MissingDependencyError) and "pip install" in str(result.exception)
    assert list(tmp_path.iterdir()) == []
    assert call("--minutes", "0").exit_code == 2


def test_the_recipe_reads_the_folder(tmp_path: Path) -> None:
    recipe = micro_sft()
    (source,) = training.with_folder(recipe, tmp_path).mixture.groups[0].sources
    assert (source.source, source.options) == ("parquet", {"path": str(tmp_path)})
    assert source.kinds == recipe.mixture.groups[0].sources[0].kinds


def pace(share: float) -> Pace:
    """Of a machine with this share of the speed of a good laptop."""
    return Pace(making=400 * share, seeing=100 * share, answering=30 * share, per_row=2.0)


def test_steps_and_batches_fit_the_time() -> None:
    for share in (1.0, 0.3, 0.01):
        see, sft = (training.within(recipe, 100.0, pace(share)) for recipe in (micro_see(), micro_sft()))
        assert see.seconds == sft.seconds == 100.0
        assert 100 * 100 * share <= see.batch * see.steps <= 140 * 100 * share + see.batch
        assert 100 * 30 * share <= 2 * sft.loader.rows * sft.steps <= 140 * 30 * share + 2 * sft.loader.rows
    assert training.within(micro_see(), 1000.0, pace(1)).batch == micro_see().batch
    assert training.within(micro_see(), 10.0, pace(1)).batch < micro_see().batch


def test_too_little_time_is_said_with_what_would_be_enough() -> None:
    assert full(60, pace(1)).short_of is None
    plan = full(1, pace(0.2))
    assert plan.short_of == pytest.approx(pace(0.2).needed)
    words = too_short(plan)
    minutes = int(words.rpartition("--minutes ")[2].rstrip(")"))
    assert "1 minutes of training are too short" in words and minutes * 60 >= pace(0.2).needed > (minutes - 1) * 60
    assert full(minutes, pace(0.2)).short_of is None


def test_questions_fit_the_time() -> None:
    assert questions_in(100.0, 4.0, 0.25) == 100
    assert questions_in(-5.0, 4.0, 0.25) == questions_in(1.0, 4.0, 0.25) >= 10  # a few, or they would say nothing


def test_an_interrupt_between_the_stages_is_one_sentence(tmp_path: Path, monkeypatch, random_model: Path) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("openmolmo.apps.demo.run.make_data", interrupted)
    result = call("--quick", "--model", random_model, "--out", tmp_path / "demo")
    assert isinstance(result.exception, StoppedError) and result.exception.exit_code == 130
    assert "run the demo again" in str(result.exception)


def test_a_stopped_stage_says_how_to_go_on(tmp_path: Path, monkeypatch) -> None:
    def stopped(*arguments: object) -> Path:
        raise RunError("stopped by Ctrl-C after step 3 of 9; it is saved", fix="--resume")

    monkeypatch.setattr(training, "run_of", lambda config: stopped)
    with pytest.raises(RunError, match=r"stopped by Ctrl-C(.|\n)*run the demo again(.|\n)*--resume --out .*seeing"):
        training.train_stages(tmp_path, QUICK, tmp_path, 0)


def test_more_time_and_speed_bring_more_data() -> None:
    assert full(10, pace(1)).train > full(5, pace(1)).train > full(5, pace(0.5)).train > full(0.2, pace(0.5)).train
    assert full(600, pace(1)).train == full(6000, pace(1)).train
    assert full(5, pace(1)).seconds == 300
    times = [full(None, pace(share)).seconds or 0 for share in (10, 0.8, 0.1)]
    assert times == sorted(times) and 180 <= times[0] < times[1] < times[2] <= 480


def test_commands_are_quoted_for_a_shell() -> None:
    calls = next_calls(
        Path("my demo"), (Path("my demo/1.jpg"), "red star"), Path("3.jpg"), [Path("see"), Path("new")], "nano"
    )
    assert calls[0][0] == "openmolmo point 'my demo/1.jpg' 'red star' --out points.png"
    assert len(calls) == 5


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=700), st.booleans())
def test_any_run_can_be_drawn(values: list[float], log: bool) -> None:
    picture = ElementTree.fromstring(str(curve(values, label='loss < "10" & more', log=log)))
    lines = [line.attrib["points"] for line in picture if line.tag == "polyline"]
    assert len(lines) == 1 + log
    for line in lines:
        for point in line.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 520 and 0 <= y <= 200


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 6))
def test_ticks_are_round_and_cover_the_range(low: float, span: float, count: int) -> None:
    found = ticks(low, low + span, count)
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert found[0] <= low + 1e-9 * max(1, abs(low)) and found[-1] >= low + span - 1e-6 * max(1.0, span, abs(low))
    assert 2 <= len(found) <= 2 * count + 3
    assert all(math.isclose(step, steps[0], rel_tol=1e-3, abs_tol=1e-9) for step in steps)


def test_a_model_of_the_earlier_demo_is_not_deleted_under_itself(tmp_path: Path, random_model: Path) -> None:
    out = finished(tmp_path / "demo")
    shutil.copytree(random_model, out / "training" / "mine")
    result = call("--quick", "--model", out / "training" / "mine", "--out", out)
    assert isinstance(result.exception, ConfigError) and "about to replace" in str(result.exception)
    assert (out / "report.html").exists()


@settings(deadline=None)
@given(st.floats(1e-3, 1e6), st.floats(1, 1e6))
def test_logarithmic_ticks_cover_the_range(low: float, factor: float) -> None:
    found = log_ticks(low, low * factor)
    assert found[0] <= low * (1 + 1e-9) and found[-1] >= low * factor * (1 - 1e-9)
    assert 2 <= len(found) <= 14 and found == sorted(set(found))
