"""Table 2b: crops in training and in testing."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.cropping import SMALL_THINGS, TABLE_2D
from openmolmo.recipes.ablate.tables.worlds import LONG_REPLIES

__all__ = ["TABLE_2B"]


def _crops(train: int, test: int) -> Arm:
    return Arm(
        name=f"{train} and {test}",
        overrides={"answer.crop.max_crops": train},
        request={"max_crops": test},
        about=f"at most {train} crops in training and {test} in testing",
    )


TABLE_2B = Ablation(
    name="2b",
    table="Table 2b",
    title="Crops in training and in testing",
    question="Do more crops help, in training and in testing?",
    world=SMALL_THINGS,
    base={**TABLE_2D.base, "answer.crop.mode": "overlap"},  # so nine crops are trained for both tables at once
    request=LONG_REPLIES,
    stages=TABLE_2D.stages,
    arms=(_crops(1, 1), _crops(1, 9), _crops(4, 4), _crops(4, 9), _crops(9, 9)),
    contrasts=(
        Contrast(arm="9 and 9", against="4 and 4"),
        Contrast(arm="4 and 9", against="4 and 4"),
        Contrast(arm="4 and 4", against="1 and 1"),
        Contrast(arm="9 and 9", against="4 and 9"),
    ),
    metric="captions.f1",
    paper=(
        PaperRow(setting="4/4", arm="1 and 1", metric="avg11", value=71.0),
        PaperRow(setting="4/36", arm="1 and 9", metric="avg11", value=74.2),
        PaperRow(setting="12/12", arm="4 and 4", metric="avg11", value=74.9),
        PaperRow(setting="12/36", arm="4 and 9", metric="avg11", value=76.9),
        PaperRow(setting="36/36", arm="9 and 9", metric="avg11", value=77.2),
    ),
    note="1, 4 and 9 crops stand for the paper's 4, 12 and 36: nine show the whole picture as it is, four shrink it by "
    "a quarter, one by a half.",
)
