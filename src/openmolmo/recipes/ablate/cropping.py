"""Table 2d: one crop, several without overlap, several that overlap."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, Drawn, PaperRow, Stage, World

__all__ = ["SMALL_THINGS", "TABLE_2D"]

SMALL_THINGS = World(
    name="small things",
    about="Pictures of 192 px, twice as wide as one crop, with one to five things of 14 to 30 px, to be told in a "
    "caption; a shape is hard to tell where the picture is shrunk into one crop.",
    drawn={"scenes": Drawn(generator="small_scenes", size=192, train=4_000, test=200, kinds=("caption",))},
    tasks=("captions",),
)

TABLE_2D = Ablation(
    name="2d",
    table="Table 2d",
    title="Crops and their overlap",
    question="Does it help to look at a picture in several crops, and that they overlap?",
    world=SMALL_THINGS,
    stages=(Stage(name="see", recipe="micro_see", per_seed=False), ANSWER),
    note="All seeds go on from one encoder, which the arms share in any case. Steps and pictures are the same for all.",
    base={
        # One crop full of larger things, from which shapes are learnt soonest; this world's, cut and whole.
        "see.scenes": (
            *({"size": 96, "world": "micro"},) * 2,
            *({"size": 192, "windows": 2, "world": "small"},) * 2,
            {"size": 96, "world": "small"},
        ),
        "see.steps": 900,
        "answer.steps": 450,
        "answer.crop.margins": (2, 2),
        "answer.crop.max_crops": 9,
        # The same pictures in the same steps for all arms: their rows differ in length.
        "answer.loader.packing": False,
        "answer.loader.rows": 8,
        "answer.loader.row_length": 256,
    },
    request={"max_new_tokens": 192},
    arms=(
        Arm(name="single crop", overrides={"answer.crop.mode": "single"}),
        Arm(name="no overlap", overrides={"answer.crop.mode": "no_overlap"}),
        Arm(name="overlap", overrides={"answer.crop.mode": "overlap"}),
    ),
    contrasts=(
        Contrast(arm="overlap", against="single crop"),
        Contrast(arm="overlap", against="no overlap"),
        Contrast(arm="no overlap", against="single crop"),
    ),
    metric="captions.f1",
    paper=(
        PaperRow(setting="single", arm="single crop", metric="avg11", value=62.8),
        PaperRow(setting="multi no overlap", arm="no overlap", metric="avg11", value=75.7),
        PaperRow(setting="multi overlap", arm="overlap", metric="avg11", value=76.9),
        PaperRow(setting="single", arm="single crop", metric="cap_f1", value=46.7),
        PaperRow(setting="multi no overlap", arm="no overlap", metric="cap_f1", value=53.4),
        PaperRow(setting="multi overlap", arm="overlap", metric="cap_f1", value=54.1),
    ),
)
