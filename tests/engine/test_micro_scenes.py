"""The easy world: few words, all of them true, and the same interface as the scenes."""

from __future__ import annotations

import numpy as np
import pytest

from openmolmo.core.rng import derive
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.engine.synth.patch_labels import FACTS
from openmolmo.engine.synth.scenes.patch_labels import make_windows
from openmolmo.engine.synth.scenes.statements import score_caption
from openmolmo.engine.synth.scenes.vocabulary import COLOURS, SHAPES
from openmolmo.engine.synth.scenes.world import MICRO
from openmolmo.records.example import Caption, Counting, Example, NotPresent, Pointing, QuestionAnswer


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    generator = GENERATORS.get("micro_scenes")
    return [make_example(generator, 4, index, size=96) for index in range(80)]


def test_pictures_have_one_to_four_plain_objects(examples: list[Example]) -> None:
    counts = [len(example.facts["objects"]) for example in examples]
    assert set(counts) == {1, 2, 3, 4}
    for example in examples:
        assert example.image is not None and (example.image.width, example.image.height) == (96, 96)
        for thing in example.facts["objects"]:
            assert thing["shape"] in MICRO.shapes and thing["colour"] in MICRO.colours and thing["pattern"] == "plain"


def test_no_text_goes_beyond_the_world(examples: list[Example]) -> None:
    foreign = (set(SHAPES) - set(MICRO.shapes)) | (set(COLOURS) - set(MICRO.colours) - {"white", "pink", "gray"})
    for example in examples:
        for annotation in example.annotations:
            text = getattr(annotation, "label", "") or getattr(annotation, "text", "")
            if isinstance(annotation, QuestionAnswer):
                text = f"{annotation.question} {annotation.answers[0]}"
            assert not foreign & set(text.lower().rstrip("?.").split())
            assert not isinstance(annotation, (Pointing, Counting, NotPresent)) or "striped" not in text


def test_captions_are_true_and_nearly_complete(examples: list[Example]) -> None:
    captions = [(a.text, e.facts) for e in examples for a in e.annotations if isinstance(a, Caption)]
    scores = [score_caption(text, facts) for text, facts in captions]
    assert len(captions) == len(examples)
    assert all(precision == 1 for precision, _, _ in scores)
    assert np.mean([f1 for _, _, f1 in scores]) > 0.9
    assert max(len(text.split()) for text, _ in captions) < 100


def test_the_same_arguments_give_the_same_bytes(examples: list[Example]) -> None:
    assert make_example(GENERATORS.get("micro_scenes"), 4, 7, size=96) == examples[7]
    assert make_example(GENERATORS.get("micro_scenes"), 5, 7, size=96) != examples[7]


def test_every_patch_is_labelled_within_the_world() -> None:
    known = {0, *(FACTS["shape"].index(shape) for shape in MICRO.shapes)}
    seen: set[int] = set()
    for seed in range(20):
        (window,) = make_windows(derive(3, "test", seed), 1, size=96, world=MICRO, side=96, patch=12)
        assert window.pixels.shape == (96, 96, 3) and window.facts.shape == (64, len(FACTS))
        seen |= set(window.facts[:, 0].tolist()) - {-1}
    assert seen == known


def test_other_worlds_are_smaller_fuller_or_told_otherwise() -> None:
    def drawn(name: str, size: int, count: int = 60) -> list[Example]:
        return [make_example(GENERATORS.get(f"{name}_scenes"), 1, index, size=size) for index in range(count)]

    def caption_scores(examples: list[Example]) -> np.ndarray:
        return np.array(
            [score_caption(a.text, e.facts) for e in examples for a in e.annotations if a.kind == "caption"]
        )

    crowds = drawn("crowd", 192)
    counts = [a.count for e in crowds for a in e.annotations if isinstance(a, Counting)]
    assert max(counts) >= 9 and np.mean(counts) > 3
    assert max(len(e.facts["objects"]) for e in drawn("small", 192)) == 5
    told, brief, careless = drawn("told", 96), drawn("brief", 96), drawn("careless", 96)
    assert all(sum(a.kind == "transcript" for a in e.annotations) == 1 for e in told)
    assert "transcript" in told[0].provenance.made and "transcript" not in crowds[0].provenance.made
    whole, some = caption_scores(told), caption_scores(brief)
    assert (whole[:, 0] == 1).all() and (some[:, 0] == 1).all()
    assert whole[:, 1].min() > 0.7 and some[:, 1].min() < 0.5 and some[:, 1].max() > 0.95
    assert caption_scores(careless)[:, 0].mean() < 0.9
