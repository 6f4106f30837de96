"""ST-VQA: ANLS on the published rows.

Only the training rows are on the hub, and the answers to the test are with the challenge's server. A model that was
trained on ST-VQA, as the released ones were, has seen these rows.
"""

from __future__ import annotations

from openmolmo.evaluation.benchmarks.asking import SHORT, ask_list
from openmolmo.evaluation.benchmarks.base import Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.scoring import score_anls

__all__ = ["BENCHMARK"]

BENCHMARK = Benchmark(
    name="st_vqa",
    title="ST-VQA",
    source="st_vqa",
    splits={"train": None},
    settings=RequestSettings(style="st_qa", instruction=SHORT),
    ask=ask_list("qas", "answers"),
    score=score_anls,
    metrics=("anls", "exact_match"),
    note="rows of the training split: a model trained on ST-VQA has seen them",
)
