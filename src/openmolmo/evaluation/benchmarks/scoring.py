"""Scores that several benchmarks share: from a question, a reply and a profile to numbers in 0-1."""

from __future__ import annotations

from openmolmo.evaluation.benchmarks.base import Reference
from openmolmo.evaluation.metrics.anls import anls
from openmolmo.evaluation.metrics.cleanup import clean_reply
from openmolmo.evaluation.metrics.exact_match import exact_match
from openmolmo.evaluation.metrics.multiple_choice import choose, read_choice
from openmolmo.evaluation.metrics.point_count import score_stated_count
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.metrics.vqa import vqa_accuracy
from openmolmo.evaluation.tasks.base import Question

__all__ = ["score_anls", "score_choice", "score_count", "score_exact", "score_vqa"]


def score_vqa(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    """Agreement with the annotators (VQA v2.0, OK-VQA, TextVQA)."""
    return {"vqa_score": vqa_accuracy(clean_reply(reply), _truth(question).answers, profile)}


def score_anls(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    """Nearness by edit distance, and equality (DocVQA, InfographicVQA, ST-VQA)."""
    said, answers = clean_reply(reply), _truth(question).answers
    return {"anls": anls(said, answers, profile), "exact_match": exact_match(said, answers)}


def score_exact(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    """Equality, whatever the case (TallyQA)."""
    return {"accuracy": exact_match(clean_reply(reply), _truth(question).answers)}


def score_choice(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    """The right option (AI2D, A-OKVQA, ScienceQA): among the names that were asked for, or by letter or text."""
    truth, said = _truth(question), clean_reply(reply)
    picked = choose(said, truth.names) if profile == "released" else read_choice(said, truth.options)
    return {"accuracy": float(picked == truth.right)}


def score_count(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    """The stated total; off by one at most; whether a number was read."""
    scores = score_stated_count(reply, int(_truth(question).answers[0]), profile)
    return {"accuracy": scores["correct"], "within_1": scores["close"], "valid": scores["valid"]}


def _truth(question: Question) -> Reference:
    truth = question.truth
    assert isinstance(truth, Reference), f"{question.id} has no reference"
    return truth
