"""Cards say what they show, keep pairs of words and values for judging, and label what is written where."""

from __future__ import annotations

import numpy as np

from openmolmo.core.rng import derive
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.engine.synth.cards.patch_labels import make_card_windows
from openmolmo.engine.synth.icons.generator import make_scene
from openmolmo.engine.synth.icons.patch_labels import make_icon_windows
from openmolmo.engine.synth.patch_labels import FACTS
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.records.example import Counting, Pointing, QuestionAnswer


def pairs(split: str) -> set[tuple[str, str]]:
    cards = (make_example(GENERATORS.get("cards"), 0, i, size=128, split=split) for i in range(60))
    lists = [card.facts["card"] for card in cards if card.facts["card"]["kind"] == "list"]
    return {(entry["name"], entry["value"]) for card in lists for entry in card["entries"]}


def test_a_card_is_made_again_and_asks_what_it_shows() -> None:
    for index in range(20):
        card = make_example(GENERATORS.get("cards"), 1, index, size=160)
        assert card == make_example(GENERATORS.get("cards"), 1, index, size=160)
        assert any(isinstance(asked, QuestionAnswer) for asked in card.annotations)
        for asked in card.annotations:
            if isinstance(asked, Pointing | Counting):
                assert len(asked.points) == len(asked.masks) > 0
                assert all(0 < p.x < 100 and 0 < p.y < 100 for p in asked.points)


def test_pairs_of_the_test_are_not_in_training() -> None:
    train, test = pairs("train"), pairs("test")
    assert train and test and not train & test


def test_patches_know_their_words_and_things() -> None:
    names = list(FACTS)
    cards = [w for i in range(8) for w in make_card_windows(derive(0, "card", i), 1, size=112, patch=28)]
    icons = [w for i in range(8) for w in make_icon_windows(derive(0, "icon", i), 1, size=112, patch=28)]
    for windows, fact in ((cards, "word"), (cards, "tens"), (icons, "thing")):
        found = np.concatenate([window.facts[:, names.index(fact)] for window in windows])
        assert (found > 0).any() and found.max() < len(FACTS[fact])
    assert all(window.facts.shape == (16, len(FACTS)) and window.pixels.shape == (112, 112, 3) for window in cards)


def test_a_picture_full_of_different_things_teaches_more_than_a_usual_one() -> None:
    def names(different: int) -> list[list[str]]:
        scenes = [make_scene(Dice(derive(0, "full", i)), 168, different)[0] for i in range(6)]
        return [[item.name for item in scene.items] for scene in scenes]

    full, usual = names(18), names(0)
    assert all(len(set(found)) == len(found) for found in full)
    assert sum(map(len, full)) > 2 * sum(len(set(found)) for found in usual)

    def asked(generator: str) -> int:
        examples = [make_example(GENERATORS.get(generator), 0, i, size=256, split="train") for i in range(6)]
        return sum(isinstance(one, Pointing) for example in examples for one in example.annotations)

    assert asked("full_icons") > 2 * asked("icons")


def test_rows_of_held_out_tables_are_not_all_equal() -> None:
    cards = [make_example(GENERATORS.get("cards"), 0, i, size=128, split="test").facts["card"] for i in range(80)]
    tables = [card["entries"] for card in cards if card["kind"] == "table"]
    rows = [
        [entry["value"] for entry in entries if entry["name"] == name]
        for entries in tables
        for name in {entry["name"] for entry in entries}
    ]
    assert len(rows) > 20 and sum(len(set(row)) > 1 for row in rows) > len(rows) / 2
