"""The paper's numbers beside ours."""

from __future__ import annotations

from openmolmo.recipes.ablate.base import Ablation, Contrast

__all__ = ["paper_difference"]


def paper_difference(ablation: Ablation, contrast: Contrast) -> str | None:
    """What the paper found of a contrast: the difference in every metric that it gives for both arms."""
    said = []
    for metric in dict.fromkeys(row.metric for row in ablation.paper):
        values = {row.arm: row.value for row in ablation.paper if row.metric == metric and row.arm}
        if contrast.arm in values and contrast.against in values:
            said.append(f"{values[contrast.arm] - values[contrast.against]:+.1f} {metric}")
    return ", ".join(said) or None
