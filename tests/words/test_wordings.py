"""Our wordings."""

from __future__ import annotations

import numpy as np
import pytest

from openmolmo.words.templates import wording, wordings


@pytest.mark.parametrize(
    ("kind", "least"), [("caption", 30), ("transcript", 30), ("pointing", 100), ("counting", 100), ("no_points", 20)]
)
def test_there_are_enough_different_wordings(kind: str, least: int) -> None:
    known = wordings(kind)  # type: ignore[arg-type]
    assert len({text.lower().rstrip(".?!") for text in known}) >= least
    for text in known:
        assert text == text.strip() and text
        assert text.count("{label}") == (1 if kind in ("pointing", "counting") else 0)
        assert "{" not in text.replace("{label}", "")


def test_labels_are_put_in_as_they_are() -> None:
    assert wording("pointing", label="a {label} \\1 %s") == "Point to a {label} \\1 %s."
    assert wording("counting", label="cups") == "How many cups are there?"


def test_every_wording_is_drawn_sooner_or_later() -> None:
    rng = np.random.default_rng(0)
    assert {wording("no_points", rng) for _ in range(600)} == set(wordings("no_points"))
