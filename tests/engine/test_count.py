"""Counts from a folder of pictures: what a detector finds becomes records, and what is doubtful does not."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from openmolmo.cli import cli
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.engine.count import DETECTORS, Box, CountSettings, Rules, build_detector, make_counts
from openmolmo.engine.count.choosing import Chosen, Refusal, choose, plural
from openmolmo.engine.count.finding import Looked
from openmolmo.engine.studio.importing.sources.datasets import checks_of
from openmolmo.records import ParquetDataset
from openmolmo.records.check import check_dataset
from openmolmo.records.example import Counting


def coins(seed: int, count: int, size: int = 320) -> tuple[np.ndarray, list[tuple[float, float, float]]]:
    """A table with coins that do not touch, each with a rim, a shine and some grain."""
    rng = np.random.default_rng(seed)
    picture = np.full((size, size, 3), rng.integers(60, 110, 3), np.uint8)
    placed: list[tuple[float, float, float]] = []
    while len(placed) < count:
        radius = float(rng.uniform(18, 30))
        x, y = (float(v) for v in rng.uniform(radius + 4, size - radius - 4, 2))
        if all(np.hypot(x - a, y - b) > radius + r + 8 for a, b, r in placed):
            placed.append((x, y, radius))
            tone = tuple(int(v) for v in (rng.integers(190, 220), rng.integers(165, 185), rng.integers(90, 130)))
            cv2.circle(picture, (round(x), round(y)), round(radius), tone, -1, cv2.LINE_AA)
            cv2.circle(picture, (round(x), round(y)), round(radius * 0.8), tuple(v - 18 for v in tone), 2, cv2.LINE_AA)
    noise = rng.integers(0, 12, picture.shape, dtype=np.uint8)
    return cv2.add(picture, noise), placed


def test_coins_drawn_by_a_program_are_counted_right() -> None:
    detector, right = build_detector("opencv", {}), 0
    for seed in range(24):
        picture, placed = coins(seed, 1 + seed % 10)
        found = [box for box in detector.detect(picture) if box.score >= 0.8]
        middles = [((box.left + box.right) / 2, (box.top + box.bottom) / 2) for box in found]
        near = all(any(np.hypot(x - a, y - b) < 4 for x, y in middles) for a, b, _ in placed)
        right += near and len(found) == len(placed)
    assert right == 24
    # Where there are no coins, people and faces, none are found.
    everything = build_detector("opencv", {"find": "circle,face,cat,person", "name": "plate"})
    assert everything.labels == ("plate", "face", "cat", "person")
    assert not everything.detect(np.full((200, 160, 3), 90, np.uint8))
    with pytest.raises(ConfigError, match="OpenCV cannot find 'house'"):
        build_detector("opencv", {"find": "house"})
    with pytest.raises(ConfigError, match="cannot be made"):
        build_detector("opencv", {"colour": "red"})


def _box(label: str, score: float, at: float = 0.0) -> Box:
    return Box(label=label, score=score, left=at, top=0, right=at + 10, bottom=10)


def test_the_rules_choose_a_class_or_say_why_not() -> None:
    def decide(*boxes: Box, rules: Rules = Rules(), error: str = "") -> Chosen | Refusal:  # noqa: B008
        looked = Looked(path="a", key="a", sha256="0a" * 32, width=100, height=50, boxes=boxes, error=error)
        return choose(looked, rules, ["cup", "dog"])

    two = [_box("cup", 0.9, 0), _box("cup", 0.85, 20), _box("dog", 0.99, 40)]
    assert decide(*two) == Chosen(label="cup", boxes=(two[0], two[1]))
    assert decide(*two, _box("dog", 0.5, 60)) == Chosen(label="cup", boxes=(two[0], two[1]))  # another class's doubt
    assert decide(*two, _box("cup", 0.5, 60)) == Refusal("some boxes are doubtful")
    assert decide(*two, _box("cup", 0.5, 1)) == Chosen(label="cup", boxes=(two[0], two[1]))  # the same cup again
    assert decide(*two, rules=Rules(most=1)) == Refusal("more than 1")
    assert decide(_box("cup", 0.5)) == Refusal("some boxes are doubtful")
    assert decide(_box("cup", 0.2)) == Chosen(label="cup", boxes=())
    assert decide(rules=Rules(zeros=False)) == Refusal("nothing was found")
    assert decide(error="truncated") == Refusal("cannot be read (truncated)")
    with pytest.raises(ConfigError, match="do not fit"):
        Rules(sure=0.3, doubtful=0.6)
    assert [plural(w) for w in ("person", "wine glass", "berry", "toy", "dog")] == [
        "people", "wine glasses", "berries", "toys", "dogs",
    ]  # fmt: skip


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for number in range(24):
        Image.fromarray(coins(number, 1 + number % 4, 240)[0]).save(folder / f"{number:02d}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (folder / "more" / "again.png").write_bytes((folder / "03.png").read_bytes())
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_a_folder_becomes_balanced_sets_for_the_count_check(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "counts"
    arguments = ["synth", "count", str(pictures), "--out", str(out), "--held-out", "3", "--licence", "CC0-1.0"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "the rarest count has too few pictures: validation and test have 2 of each count" in done.output
    report = json.loads((out / "report.json").read_text())
    assert report["kept"]["validation"] == report["kept"]["test"] == {"1": 2, "2": 2, "3": 2, "4": 2}
    assert report["dropped"]["the same picture again"] == 1 and sum(report["dropped"].values()) == 2
    assert any(reason.startswith("cannot be read") for reason in report["dropped"])
    seen: Counter[str] = Counter()
    for split in ("train", "validation", "test"):
        assert not list(check_dataset(out / split).faults)
        for example in ParquetDataset(out / split):
            seen[example.facts["file"]] += 1
            (one,) = example.annotations
            assert isinstance(one, Counting) and one.label == "coins" and example.split == split
            number = int(example.facts["file"].rpartition("/")[2].partition(".")[0].replace("again", "3"))
            placed = coins(number, 1 + number % 4, 240)[1]
            assert one.count == len(one.points) == len(placed)
            for point in one.points:
                assert any(np.hypot(point.x * 2.4 - x, point.y * 2.4 - y) < 4 for x, y, _ in placed)
            (task,) = checks_of(example)["count_check"]
            assert task["made"] == ["detector"] and len(task["points"]) == one.count
    assert len(seen) == 24 and set(seen.values()) == {1}


@dataclass(frozen=True, kw_only=True)
class Stops:
    """Finds a dog in every picture, and stops for ever when told to."""

    flag: str
    labels = ("dog",)

    def detect(self, pixels: np.ndarray) -> list[Box]:
        if Path(self.flag).exists() and pixels[0, 0, 0] == 7:
            raise KeyboardInterrupt
        return [_box("dog", 0.95)]


def test_what_was_found_is_kept_when_a_run_stops(tmp_path: Path) -> None:
    folder, flag = tmp_path / "in", tmp_path / "flag"
    folder.mkdir()
    for number in range(130):
        Image.new("RGB", (20, 10), (7 if number == 100 else 9, number, 0)).save(folder / f"{number:03d}.png")
    flag.touch()
    settings = CountSettings(detector="stops", options={"flag": str(flag)})
    DETECTORS.register("stops", Stops)
    with pytest.raises(KeyboardInterrupt):
        make_counts(folder, tmp_path / "out", settings)
    flag.unlink()
    report = make_counts(folder, tmp_path / "out", settings)
    assert (report.pictures, report.looked_at) == (130, 66)  # the first shard of 64 was whole
    (folder / "000.png").unlink()
    Image.new("RGB", (20, 10), (1, 2, 3)).save(folder / "new.png")
    again = make_counts(folder, tmp_path / "out", dataclasses.replace(settings, rules=Rules(sure=0.9), held_out=5))
    assert (again.pictures, again.looked_at) == (130, 1)
    assert again.kept["validation"] == again.kept["test"] == {1: 5}


def test_folders_without_pictures_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no picture"):
        make_counts(tmp_path, tmp_path / "out")
    with pytest.raises(DataError, match="is not a folder"):
        make_counts(tmp_path / "missing", tmp_path / "out")
    done = CliRunner().invoke(cli, ["synth", "count", str(tmp_path), "--out", str(tmp_path / "o"), "--option", "x"])
    assert done.exit_code == 2 and "'x' is not NAME=VALUE" in done.output
