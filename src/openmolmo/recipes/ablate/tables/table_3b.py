"""Table 3b: which captions, and how good."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import ANSWER, Ablation, Arm, Contrast, PaperRow
from openmolmo.recipes.ablate.tables.worlds import FULL_LENGTH, LONG_REPLIES, SEEN_ONCE, TOLD, steps

__all__ = ["TABLE_3B"]

_LENGTH = {"length_hint": FULL_LENGTH}

TABLE_3B = Ablation(
    name="3b",
    table="Table 3b",
    title="Captions, transcripts, and captions of lower quality",
    question="Which texts teach captions best: written ones, spoken ones or both; and what do careless ones do?",
    world=TOLD,
    base={**steps(350), "answer.format.system_prompt": "style_and_length"},
    request=LONG_REPLIES,
    stages=(SEEN_ONCE, ANSWER),
    arms=(
        Arm(
            name="transcripts only",
            data={"drawn.told.kinds": ("transcript",)},
            overrides={"answer.format.system_prompt": "none"},
            about="asked as they were learnt: without the tag of captions",
        ),
        Arm(name="captions only", data={"drawn.told.kinds": ("caption",)}, request=_LENGTH),
        Arm(name="both", request=_LENGTH),
        Arm(
            name="careless captions",
            data={"drawn.told.train": 0, "drawn.careless.train": 3000, "drawn.careless.kinds": ("caption",)},
            request=_LENGTH,
            about="two things of five are told wrongly",
        ),
    ),
    contrasts=(
        Contrast(arm="captions only", against="careless captions"),
        Contrast(arm="both", against="transcripts only"),
        Contrast(arm="both", against="captions only"),
    ),
    metric="captions.f1",
    paper=(
        PaperRow(setting="ShareGPT4V+o (158k)", arm="careless captions", metric="cap_f1", value=36.3),
        PaperRow(setting="raw transcripts only", arm="transcripts only", metric="cap_f1", value=45.2),
        PaperRow(setting="cleaned captions only", arm="captions only", metric="cap_f1", value=53.0),
        PaperRow(setting="raw and cleaned", arm="both", metric="cap_f1", value=54.1),
        PaperRow(setting="LAION stage first", metric="cap_f1", value=53.9),
        PaperRow(setting="GPT-4o captions", metric="cap_f1", value=52.9),
    ),
    note="Captions that are often wrong stand for those of another data set, ShareGPT4V+o. Web captions before the "
    "good ones, and captions of another model, have no counterpart among drawings.",
)
