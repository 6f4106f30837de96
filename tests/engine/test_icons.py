"""Icons: what is said of a picture is true of it, and the words and drawings belong together."""

from __future__ import annotations

import io
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from openmolmo.core.errors import ConfigError
from openmolmo.engine.synth import judging
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.engine.synth.icons import statements as icons
from openmolmo.engine.synth.icons.catalogue import KINDS, pixels_of
from openmolmo.engine.synth.icons.questions import category_items, in_line
from openmolmo.engine.synth.icons.sprites.make import read_list
from openmolmo.evaluation.captions import scene_judge
from openmolmo.evaluation.metrics.captions import score_caption
from openmolmo.records.example import Caption, Counting, Example, NotPresent, Pointing, QuestionAnswer, Transcript
from openmolmo.records.masks import decode
from openmolmo.records.rules import violations


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    generator = GENERATORS.get("icons")
    return [make_example(generator, 3, index, size=(64, 192, 256)[index % 3]) for index in range(120)]


def test_points_lie_in_masks_and_examples_keep_the_rules(examples: list[Example]) -> None:
    asked = 0
    for example in examples:
        assert not list(violations(example))
        for one in example.annotations:
            if isinstance(one, Pointing | Counting):
                assert len(one.points) == len(one.masks)
                for point, mask in zip(one.points, one.masks, strict=True):
                    pixels = decode(mask)
                    assert pixels[int(point.y / 100 * mask.height), int(point.x / 100 * mask.width)]
                    asked += 1
    assert asked > 800


def test_captions_are_true_and_whole_and_transcripts_true(examples: list[Example]) -> None:
    as_icons = 0
    for example in examples:
        for one in example.annotations:
            if isinstance(one, Caption):
                assert score_caption(one.text, example.facts) == {"f1": 1.0, "recall": 1.0, "precision": 1.0}, one.text
                world = judging.read_statements(one.text)
                as_icons += world >= judging.reference_statements(example.facts)
            if isinstance(one, Transcript):
                assert icons.read_statements(one.text) <= judging.true_statements(example.facts), one.text
    assert as_icons >= 0.97 * len(examples)  # a star alone could be a scene's, too
    worst = [score_caption(examples[0].annotations[0].text, other.facts)["f1"] for other in examples[1:]]
    assert max(worst) < 0.6  # one caption does not fit all
    assert set(scene_judge.reference_of(examples[0].facts)) <= set(scene_judge.truth_of(examples[0].facts).split("\n"))


def test_the_judge_reads_what_is_false() -> None:
    read = judging.read_statements(
        'There are two zebras and a large red mushroom at the top left. A sign reads "EXIT".'
    )
    told = {(s.kind, s.subject, s.value) for s in read}
    assert told == {
        ("object", "zebra", "present"), ("count", "zebra", "2"), ("object", "mushroom", "present"),
        ("count", "mushroom", "1"), ("size", "mushroom", "large"), ("colour", "mushroom", "red"),
        ("place", "mushroom", "top left"), ("text", "sign", "EXIT"),
    }  # fmt: skip
    kin = judging.read_statements("The T-Rex is on the top shelf. The mug of beer is in row two, column three.")
    assert {("shelf", "tyrannosaur", "top"), ("cell", "beer mug", "2 3")} <= {(s.kind, s.subject, s.value) for s in kin}


def test_answers_follow_from_the_facts(examples: list[Example]) -> None:
    counts, zero, shelves = set(), 0, 0
    for example in examples:
        names = [thing["name"] for thing in example.facts["objects"]]
        here = {word for name in names for word in KINDS[name].words | {KINDS[name].plural}}
        counts.add(len(names))
        for one in example.annotations:
            if isinstance(one, NotPresent):
                assert one.label not in here
            elif isinstance(one, Counting):
                zero += one.count == 0
                if matches := [name for name in names if KINDS[name].plural == one.label]:
                    assert one.count == len(matches)
            elif isinstance(one, QuestionAnswer) and " shelf?" in one.question and " from the left" in one.question:
                shelf = one.question.split(" shelf?")[0].split()[-1]
                line = sorted(
                    (t for t in example.facts["objects"] if t["where"] == ["shelf", shelf]), key=lambda t: t["x"]
                )
                words = ("first", "second", "third", "fourth", "fifth", "sixth")
                assert line[words.index(one.question.split()[3])]["name"] == one.answers[0]
                shelves += 1
            elif isinstance(one, QuestionAnswer) and one.style == "text_vqa":
                assert one.answers == (example.facts["sign"],)
    assert counts >= set(range(1, 12)) and zero > 5 and shelves > 2


def test_no_two_things_of_a_scene_could_be_taken_for_each_other(examples: list[Example]) -> None:
    for example in examples:
        names = {thing["name"] for thing in example.facts["objects"]}
        assert not [(one, two) for one in names for two in names if one != two and one in KINDS[two].kin]


def test_the_things_and_their_drawings() -> None:
    assert len(KINDS) >= 500
    assert "police car" in KINDS["car"].kin and "teddy bear" in KINDS["bear"].kin  # by the list and by the last word
    assert KINDS["mouse"].plural == "mice" and KINDS["strawberry"].plural == "strawberries"
    assert KINDS["apple"].sprites[0].main == "red" and KINDS["apple"].sprites[1].main == "green"
    words = [kind.name for kind in KINDS.values()]
    assert len(set(words)) == len(words)
    for kind in KINDS.values():
        assert not any(word in words for word in kind.synonyms), kind.name
        for sprite in kind.sprites:
            pixels = pixels_of(sprite, 64)
            assert pixels.shape[2] == 4 and (pixels[..., 3] >= 128).mean() > 0.08, sprite.drawing
            assert np.all(pixels[..., :3] <= pixels[..., 3:])  # premultiplied: no light rims
    listed, _ = read_list(files("openmolmo.engine.synth.icons.sprites").joinpath("things.txt").read_text("utf-8"))
    assert [(line.name, line.plural) for line in listed] == [(kind.name, kind.plural) for kind in KINDS.values()]
    assert {name for names in read_list("[a]\nfox/foxes ~ red dog = fox\nkin: fox")[1] for name in names} == {"fox"}
    with pytest.raises(ConfigError, match="kin wolf is not in the list"):
        read_list("[a]\nfox = fox\nkin: fox, wolf")


def test_the_same_arguments_give_the_same_bytes_and_small_pictures_are_refused(examples: list[Example]) -> None:
    generator = GENERATORS.get("icons")
    assert make_example(generator, 3, 5, size=256) == examples[5]
    assert make_example(generator, 4, 5, size=256).id != examples[5].id
    image = examples[5].image
    assert image is not None and image.data is not None
    assert max(Image.open(io.BytesIO(image.data)).size) == 256
    with pytest.raises(ConfigError, match="size=48 is too small"):
        make_example(generator, 0, 0, size=48)


def test_what_people_could_differ_about_is_not_asked() -> None:
    from openmolmo.engine.synth.icons.generator import make_scene
    from openmolmo.engine.synth.scenes.dice import Dice

    doubtful = asked = 0
    for seed in range(60):
        scene, _ = make_scene(Dice(np.random.default_rng(seed)), 96)
        for category in ("animal", "fruit", "vegetable"):
            found = category_items(scene, category)
            doubtful += found is None
            asked += bool(found)
        assert in_line(list(scene.items[:2])) is None
    assert doubtful and asked
