"""Scores of rows that name their metric: one function a metric, from a row to the value that a file may expect.

A row is a JSON object with ``metric``, ``prediction``, ``references`` and ``metadata`` (captions and votes have fields
of their own). Values are numbers, texts, lists or dictionaries of them, as the metric gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.evaluation.arena.bradley_terry import fit
from openmolmo.evaluation.arena.votes import read_votes
from openmolmo.evaluation.metrics.android_control import score_step, without_plan
from openmolmo.evaluation.metrics.anls import anls
from openmolmo.evaluation.metrics.caption_f1 import CaptionCounts, aggregate, read_consistent, read_stated
from openmolmo.evaluation.metrics.cleanup import clean_reply
from openmolmo.evaluation.metrics.clock_bench import score_clock_reply
from openmolmo.evaluation.metrics.exact_match import exact_match
from openmolmo.evaluation.metrics.mask_pointing import rectangles_hit, score_mask_pointing
from openmolmo.evaluation.metrics.mathvista import mathvista_score
from openmolmo.evaluation.metrics.mmmu import UNREAD, mmmu_score
from openmolmo.evaluation.metrics.multiple_choice import choose, read_choice
from openmolmo.evaluation.metrics.point_count import score_stated_count
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.metrics.real_world_qa import real_world_qa
from openmolmo.evaluation.metrics.relaxed_correctness import relaxed_correctness
from openmolmo.evaluation.metrics.released_points import points_in_pixels
from openmolmo.evaluation.metrics.vqa import a_okvqa_accuracy, normalise_vqa, vqa_accuracy

__all__ = ["METRICS", "score_row"]

Row = Mapping[str, Any]
Scorer = Callable[[Row, Profile], Any]


def score_row(row: Row, profile: Profile, folder: Path) -> Any:
    """The row's value. Votes are read from ``folder``. Raises DataError for an unknown metric or a missing field."""
    if "votes_csv" in row:
        return _elo(folder / str(row["votes_csv"]))
    name = row.get("metric")
    if name not in METRICS:
        raise DataError(f"there is no metric {name!r}", field="metric", fix=f"known: {', '.join(sorted(METRICS))}")
    try:
        return METRICS[name](row, profile)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"does not have what {name} needs: {type(error).__name__} {error}", field="metadata") from error


def _references(row: Row) -> list[str]:
    given = row["references"]
    return [str(value) for value in given] if isinstance(given, list) else [str(given)]


def _options(row: Row) -> list[str]:
    metadata = row["metadata"]
    names = metadata.get("option_names") or metadata["option_texts"]
    return [str(option) for option in names]


def _choice(row: Row, profile: Profile) -> int:
    reply = row["prediction"]
    if profile == "released":
        return choose(reply, _options(row))
    texts = row["metadata"].get("option_texts") or _options(row)
    return read_choice(reply, [str(text) for text in texts])


def _mmmu(row: Row, profile: Profile) -> float | str:
    metadata = row["metadata"]
    options = metadata["options"] if metadata["question_type"] == "multiple-choice" else None
    score = mmmu_score(row["prediction"], _references(row), options, profile)
    return UNREAD if score is None else score


def _mathvista(row: Row, profile: Profile) -> float:
    metadata = row["metadata"]
    return mathvista_score(
        row["prediction"],
        _references(row)[0],
        question_type=metadata["question_type"],
        answer_type=metadata["answer_type"],
        choices=metadata.get("choices"),
        precision=metadata.get("precision"),
        profile=profile,
    )


def _clock(row: Row, synthetic: bool) -> float | None:
    time = row["references"]
    scores = score_clock_reply(
        row["prediction"], int(time["hour"]), int(time["minute"]), int(time.get("second", -1)), synthetic=synthetic
    )
    return scores["overall_exact"]


def _step(row: Row, profile: Profile, *, planned: bool) -> float:
    reply = without_plan(row["prediction"]) if planned else row["prediction"]
    return score_step(reply, _references(row)[0], row["metadata"].get("target_box"), profile)


def _pointing(row: Row, profile: Profile) -> dict[str, float]:
    metadata = row["metadata"]
    height, width = metadata["mask_shape"]
    points: Sequence[Sequence[float]] = metadata.get("gt_points") or [
        (x / 100 * width, y / 100 * height) for x, y in metadata.get("gt_points_percent", ())
    ]
    masks = [rectangles_hit(rectangles, height, width) for rectangles in metadata["mask_rects"]]
    return score_mask_pointing(row["prediction"], points, masks, metadata["image_size"], profile)


def _points(row: Row, profile: Profile) -> list[list[float]]:
    width, height = row["metadata"]["image_size"]
    return [list(point) for point in points_in_pixels(row["prediction"], width, height)]


def _stated(row: Row, profile: Profile) -> dict[str, Any]:
    labels = read_stated(row["judge_output"])
    return {
        "num_statements": labels.read,
        "num_covered": labels.positive,
        "recall": labels.share,
        "recall_at_10": labels.share_of_first(),
        "valid": labels.read > 0,
        "labels": list(labels.values),
    }


def _consistent(row: Row, profile: Profile) -> dict[str, Any]:
    labels = read_consistent(row["judge_output"])
    return {
        "num_statements": labels.read,
        "num_consistent": labels.positive,
        "consistency": labels.share,
        "valid": labels.read > 0,
        "labels_inconsistent": [None if value is None else not value for value in labels.values],
    }


def _captions(row: Row, profile: Profile) -> dict[str, float]:
    return aggregate(
        [
            CaptionCounts(
                reference=one["n_ref"], covered=one["covered"], stated=one["n_pred"], consistent=one["consistent"]
            )
            for one in row["examples"]
        ]
    )


def _elo(votes: Path) -> dict[str, Any]:
    found = fit(read_votes(votes))
    return {
        "ratings": dict(found.ratings),
        "bootstrap": {model: list(bounds) for model, bounds in found.bootstrap.items()},
        "sandwich": {model: list(bounds) for model, bounds in found.sandwich.items()},
        "diverges": found.diverges,
    }


def _cleaned(score: Callable[[str, Row, Profile], Any]) -> Scorer:
    return lambda row, profile: score(clean_reply(row["prediction"]), row, profile)


METRICS: dict[str, Scorer] = {
    "vqa_normalise": lambda row, profile: normalise_vqa(row["prediction"]),
    "vqa_score": lambda row, profile: vqa_accuracy(row["prediction"], _references(row), profile),
    "vqa_eval/vqa_score": _cleaned(lambda reply, row, profile: vqa_accuracy(reply, _references(row), profile)),
    "vqa_eval/a_okvqa_score": _cleaned(lambda reply, row, profile: a_okvqa_accuracy(reply, _references(row))),
    "vqa_eval/em": _cleaned(lambda reply, row, profile: exact_match(reply, _references(row))),
    "vqa_eval/ansl": _cleaned(lambda reply, row, profile: anls(reply, _references(row), profile)),
    "vqa_eval/relaxed_correctness": _cleaned(
        lambda reply, row, profile: relaxed_correctness(reply, _references(row), profile)
    ),
    "vqa_eval/mc": _cleaned(
        lambda reply, row, profile: float(
            _choice({**row, "prediction": reply}, profile) == row["metadata"]["answer_idx"]
        )
    ),
    "anls": lambda row, profile: anls(row["prediction"], _references(row), profile),
    "relaxed_correctness": lambda row, profile: relaxed_correctness(row["prediction"], _references(row), profile),
    "exact_match": lambda row, profile: exact_match(row["prediction"], _references(row)),
    "mc_letter": _choice,
    "mc_text_options": _choice,
    "mmmu": _mmmu,
    "mathvista": _mathvista,
    "realworldqa": lambda row, profile: real_world_qa(
        row["prediction"], _references(row)[0], row["metadata"]["question_type"], profile
    ),
    "count": lambda row, profile: score_stated_count(row["prediction"], int(row["references"][0]), profile)["correct"],
    "clock_bench": lambda row, profile: _clock(row, synthetic=False),
    "clock_synthetic": lambda row, profile: _clock(row, synthetic=True),
    "android_control_step": lambda row, profile: _step(row, profile, planned=False),
    "android_control_eval": lambda row, profile: _step(row, profile, planned=True),
    "pointing": _pointing,
    "pointing_random": _pointing,
    "pointing_percent_gt": _pointing,
    "point_parse": _points,
    "cap_recall_parse": _stated,
    "cap_consistency_parse": _consistent,
    "cap_aggregate": _captions,
}
"""By the names that files use."""
