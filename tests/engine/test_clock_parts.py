"""Parts of the clocks that can be checked alone: times and words, colours, textures, poses, and the plan of a run."""

from __future__ import annotations

import math
import re
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_generator import FakeGenerator
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive
from openmolmo.engine.synth.base import make_example
from openmolmo.engine.synth.clocks.canvas import Canvas
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.family import FAMILY_TABLE
from openmolmo.engine.synth.clocks.generator import FAMILIES, draw_clock
from openmolmo.engine.synth.clocks.moment import Moment, random_moment
from openmolmo.engine.synth.clocks.palette import PALETTES, any_colour, choose, grey, luma, mix, readable_on, rgb
from openmolmo.engine.synth.clocks.photograph import Pose, blend, choose_pose, encode, finish, occlude
from openmolmo.engine.synth.clocks.phrases import ANSWERS, SECONDS_QUESTIONS, WATCH_QUESTIONS, answer, question
from openmolmo.engine.synth.clocks.shapes import ROUND, Shape
from openmolmo.engine.synth.clocks.textures import dial_texture, grain, metal_texture
from openmolmo.engine.synth.plan import SynthPlan, make_shard
from openmolmo.records.shards import read_metadata

SEEDS = st.integers(0, 2**32)


def dice(seed: int) -> Dice:
    return Dice(derive(seed, "parts"))


# -------------------------------------------------------------------------------------- times and words


@given(st.integers(0, 23), st.integers(0, 59), st.none() | st.integers(0, 59))
def test_times_are_two_digits_each_and_twelve_is_no_zero(hour: int, minute: int, second: int | None) -> None:
    moment = Moment(hour, minute, second)
    tail = [] if second is None else [second]
    assert [int(part) for part in moment.text(hours24=True).split(":")] == [hour, minute, *tail]
    assert all(len(part) == 2 for part in moment.text().split(":"))
    shown = int(moment.text()[:2])
    assert 1 <= shown <= 12 and shown % 12 == hour % 12 and shown == moment.hour12


def test_noon_and_midnight_read_twelve() -> None:
    assert Moment(0, 5).text() == Moment(12, 5).text() == "12:05"
    assert Moment(0, 5).text(hours24=True) == "00:05"
    assert Moment(12, 0).hand_angles() == (0.0, 0.0, None) == Moment(0, 0).hand_angles()
    assert Moment(3, 0, 0).hand_angles() == (pytest.approx(math.pi / 2), 0.0, 0.0)


def test_every_hour_and_minute_of_the_day_comes() -> None:
    throws = dice(0)
    drawn = [random_moment(throws, seconds=n % 2 == 0) for n in range(3000)]
    assert {m.hour for m in drawn} == set(range(24)) and {m.minute for m in drawn} == set(range(60))
    assert all((m.second is not None) == (n % 2 == 0) for n, m in enumerate(drawn))


@given(SEEDS, st.sampled_from(["clock", "watch"]), st.booleans())
def test_questions_fit_the_thing_and_answers_hold_the_time(seed: int, thing: str, seconds: bool) -> None:
    asked = question(dice(seed), thing=thing, seconds=seconds)
    assert seconds or asked not in SECONDS_QUESTIONS
    assert thing == "watch" or asked not in WATCH_QUESTIONS
    said = answer(dice(seed), time="10:42", thing=thing)
    assert said.count("10:42") == 1 and said.endswith(".") and "{" not in said
    assert said in [form.format(time="10:42", thing=thing) for form in ANSWERS]


# ----------------------------------------------------------------------------------- colours and textures


def test_colours_are_in_the_order_of_the_drawing_library() -> None:
    assert rgb(0x102030) == (0x30, 0x20, 0x10, 255)
    assert grey(300)[:3] == (255,) * 3 and grey(-5)[:3] == (0,) * 3
    assert luma(grey(0)) == 0 and luma(grey(255)) == pytest.approx(255)
    assert luma(rgb(0x00FF00)) > luma(rgb(0xFF0000)) > luma(rgb(0x0000FF))


@given(st.tuples(*[st.integers(0, 255)] * 6), st.floats(-1, 2))
def test_mixtures_lie_between_and_stay_colours(values: tuple[int, ...], share: float) -> None:
    first, second = (*values[:3], 255), (*values[3:], 255)
    mixed = mix(first, second, share)  # type: ignore[arg-type]
    assert all(0 <= value <= 255 for value in mixed) and mixed[3] == 255
    assert mix(first, second, 0) == first and mix(first, second, 1) == second  # type: ignore[arg-type]
    if 0 <= share <= 1:
        for one, low, high in zip(mixed, map(min, first, second), map(max, first, second), strict=True):
            assert low <= one <= high


@given(SEEDS, st.sampled_from(sorted(PALETTES)))
def test_ink_is_readable_on_every_colour_that_dials_have(seed: int, name: str) -> None:
    ground = choose(dice(seed), name)
    assert abs(luma(readable_on(dice(seed + 1), ground)) - luma(ground)) > 65
    assert all(0 <= value <= 255 for value in any_colour(dice(seed)))


@pytest.mark.parametrize("kind", ["sunray", "vignette", "linear", "guilloche", "grain"])
@pytest.mark.parametrize("power", [2.0, 8.0])
def test_textures_shade_the_dial_and_nothing_around_it(kind: str, power: float) -> None:
    texture = dial_texture(kind, 1, power)
    assert texture.shape == (192, 192, 4) and texture.dtype == np.uint8
    y, x = np.mgrid[0:192, 0:192] / 191 * 2 - 1
    outside = np.abs(x) ** power + np.abs(y) ** power > 1
    assert (texture[outside] == 128).all() and (texture[..., 3] == 128).all()
    inside = texture[~outside][:, 0].astype(float)
    assert inside.std() > 2 and abs(inside.mean() - 128) < 12
    assert np.array_equal(texture, dial_texture.__wrapped__(kind, 1, power))


def test_variants_of_textures_differ() -> None:
    assert len({metal_texture(variant, 2.0).tobytes() for variant in range(5)}) == 5
    assert len({dial_texture(kind, v, 2.0).tobytes() for kind in ("sunray", "grain") for v in range(3)}) == 6
    assert abs(float(grain(0).mean()) - 128) < 1 and not np.array_equal(grain(0), grain(1))


# ---------------------------------------------------------------------------------------- poses, pictures


@given(st.floats(20, 200), st.floats(0, 400), st.floats(0, 400), st.floats(-3, 3))
def test_a_plain_pose_turns_about_the_middle_and_keeps_lengths(radius: float, x: float, y: float, turn: float) -> None:
    canvas = Canvas((1.2, 1.2, 1.2, 1.2), 50)
    pose = Pose(radius, x, y, turn)
    assert pose.plain
    for angle in (0.0, 1.0, 2.5):
        at = np.array([canvas.x0 + canvas.unit * math.sin(angle), canvas.y0 - canvas.unit * math.cos(angle), 1.0])
        found = pose.matrix(canvas) @ at
        expected = (x + radius * math.sin(angle + turn), y - radius * math.cos(angle + turn))
        np.testing.assert_allclose(found[:2] / found[2], expected, atol=1e-6)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_a_tilt_keeps_the_middle_and_shortens(tilt_x: float, tilt_y: float) -> None:
    canvas = Canvas((1.2, 1.2, 1.2, 1.2), 50)
    matrix = Pose(100, 150, 160, 0.3, tilt_x, tilt_y).matrix(canvas)
    middle = matrix @ np.array([canvas.x0, canvas.y0, 1.0])
    np.testing.assert_allclose(middle[:2] / middle[2], (150, 160), atol=1e-6)
    ends = matrix @ np.array([[canvas.x0 + s * canvas.unit, canvas.y0, 1.0] for s in (-1, 1)]).T
    across = np.linalg.norm(np.diff(ends[:2] / ends[2], axis=1))
    assert 120 < across < 206


@given(SEEDS, st.sampled_from(FAMILIES), st.sampled_from([112, 256, 512]))
@settings(max_examples=100)
def test_the_middle_of_a_dial_is_in_the_picture_and_the_dial_is_not_tiny(seed: int, name: str, size: int) -> None:
    family = FAMILY_TABLE[name]
    pose = choose_pose(dice(seed), family, ROUND, size, marked=False)
    assert 0.15 * size < pose.radius <= 0.48 * size
    assert pose.radius * 0.9 <= pose.x <= size - pose.radius * 0.9
    assert pose.radius * 0.9 <= pose.y <= size - pose.radius * 0.9
    assert abs(pose.turn) <= math.radians(14) and max(abs(pose.tilt_x), abs(pose.tilt_y)) <= 0.5


@given(SEEDS)
@settings(max_examples=60)
def test_what_is_in_front_leaves_the_middle_of_the_dial_free(seed: int) -> None:
    picture = np.full((256, 256, 3), 90, np.uint8)
    occlude(picture, dice(seed), Pose(120, 128, 128))
    ys, xs = np.mgrid[0:256, 0:256] + 0.5
    changed = (picture != 90).any(axis=2)
    assert not changed[np.hypot(xs - 128, ys - 128) < 18].any()


def test_an_empty_canvas_changes_nothing_and_a_full_one_hides_all() -> None:
    class Never(Dice):
        def chance(self, probability: float) -> bool:
            return False

    canvas = Canvas((1.0, 1.0, 1.0, 1.0), 40)
    background = np.random.default_rng(1).integers(0, 255, (128, 128, 3)).astype(np.uint8)
    throws = Never(derive(0))
    assert np.array_equal(blend(background.copy(), canvas, Pose(50, 64, 64), throws), background)
    canvas.fill(Shape(1.0, 1.0, 8.0).outline(), rgb(0x204060))
    found = blend(background.copy(), canvas, Pose(50, 64, 64), throws)
    assert (found[40:88, 40:88] == (0x60, 0x40, 0x20)).all()
    assert np.array_equal(found[:10], background[:10])


@given(SEEDS, st.booleans())
@settings(max_examples=25)
def test_light_and_faults_leave_a_picture_that_can_be_read(seed: int, analog: bool) -> None:
    picture = np.full((128, 128, 3), 40, np.uint8)
    cv2.circle(picture, (64, 64), 30, (220, 220, 220), -1)
    made = finish(picture, dice(seed), Pose(50, 64, 64), analog=analog)
    assert made.shape == (128, 128, 3) and made.dtype == np.uint8
    assert made[54:74, 54:74].mean() > made[:20, :20].mean() + 45
    decoded = cv2.imdecode(np.frombuffer(encode(made, dice(seed)), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - made).mean() < 12


@pytest.mark.parametrize("name", FAMILIES)
def test_another_time_is_another_picture_in_every_family(name: str) -> None:
    """All else being equal: what a model could read the time from must be there."""
    pictures = [
        draw_clock(dice(4), FAMILY_TABLE[name], moment, 96).picture for moment in (Moment(2, 10), Moment(9, 35))
    ]
    assert (np.abs(pictures[0].astype(int) - pictures[1]).max(axis=2) > 30).mean() > 0.001


# ---------------------------------------------------------------------------------------- plan of a run


def plan(**changes: object) -> SynthPlan:
    settings = {"generator": "fake", "version": "1", "seed": 3, "size": 32, "split": "train", "count": 10}
    return SynthPlan(**{**settings, "rows_per_shard": 4, **changes})  # type: ignore[arg-type]


@given(st.integers(1, 5000), st.integers(1, 700))
def test_shards_hold_all_examples_once(count: int, rows: int) -> None:
    made = plan(count=count, rows_per_shard=rows)
    sizes = [made.rows(shard) for shard in range(made.shards)]
    assert sum(sizes) == count and all(size == rows for size in sizes[:-1]) and 1 <= sizes[-1] <= rows
    assert [made.metadata(shard)["first"] for shard in range(made.shards)] == list(range(0, count, rows))
    names = [made.name(shard) for shard in range(made.shards)]
    assert names == sorted(set(names)) and re.fullmatch(r"train-\d{5}\.parquet", names[-1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": 0}, "count is 0, must be at least 1"),
        ({"size": 15}, "size is 15, must be at least 16"),
        ({"rows_per_shard": 0}, "rows_per_shard is 0"),
        ({"seed": -1}, "seed is -1, must be at least 0"),
        ({"split": "dev"}, "split is 'dev', must be one of train, validation, test"),
    ],
)
def test_plans_that_cannot_be_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        plan(**change)


def test_a_shard_is_made_of_its_own_examples_and_says_from_what(tmp_path: Path) -> None:
    generator, ticks = FakeGenerator(), []
    made = plan(generator=generator.name, version=generator.version)
    info = make_shard(generator, made, tmp_path, 2, on_example=lambda: ticks.append(1))
    assert (info.rows, len(ticks), info.name) == (2, 2, "train-00002.parquet")
    assert (read_metadata(tmp_path / info.name) or {}).items() >= made.metadata(2).items()
    assert pq.read_table(tmp_path / info.name)["id"].to_pylist() == [
        make_example(generator, 3, n, size=32, split="train").id for n in (8, 9)
    ]


def test_a_shard_that_is_stopped_leaves_no_file(tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    generator = FakeGenerator()
    with pytest.raises(KeyboardInterrupt):
        make_shard(generator, plan(), tmp_path, 0, on_example=stop)
    assert list(tmp_path.iterdir()) == []
