"""RealWorldQA: a letter from A to D, or a short answer that is equal after the normalisation of VQA v2."""

from __future__ import annotations

from openmolmo.evaluation.metrics.multiple_choice import choose, read_choice
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.metrics.vqa import normalise_vqa

__all__ = ["real_world_qa"]

_LETTERS = "ABCD"


def real_world_qa(prediction: str, reference: str, question_type: str, profile: Profile = "released") -> float:
    """1 or 0; ``question_type`` is ``multiple_choice`` or ``short_answer``."""
    if question_type != "multiple_choice":
        return float(normalise_vqa(prediction) == normalise_vqa(reference))
    picked = choose(prediction, _LETTERS) if profile == "released" else read_choice(prediction, _LETTERS)
    return float(picked == _LETTERS.find(reference.strip().upper()) and picked >= 0)
