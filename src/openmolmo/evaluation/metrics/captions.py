"""Captions: which of the true facts does a caption state, and which of its statements are true?

The measure is the caption F1 of arXiv 2409.17146 (recall of the reference's statements, precision
of the caption's own), with a deterministic judge in place of a language model: the facts of a
generated scene are known, and the caption is read back into statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["score_caption"]


def score_caption(text: str, facts: Mapping[str, Any]) -> dict[str, float]:
    """``recall``, ``precision`` and ``f1`` (0-1) of one caption against the facts of its scene.

    A caption that states nothing that can be read has 0 in all three.
    """
    # Imported here: the judge lives beside the scene generator, which brings OpenCV.
    from openmolmo.engine.synth import judging

    precision, recall, f1 = judging.score_caption(text, facts)
    return {"f1": f1, "recall": recall, "precision": precision}
