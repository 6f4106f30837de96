"""A crop policy for a micro model that was trained with random crops kept.

openmolmo train micro_crop_policy init_from=runs/micro_sft/final --out runs/micro_policy
"""

from __future__ import annotations

from openmolmo.data.mixture import GroupConfig, MixtureConfig, SourceConfig
from openmolmo.training.config import CropPolicyRunConfig

__all__ = ["micro_crop_policy"]


def micro_crop_policy() -> CropPolicyRunConfig:
    """Which high-resolution crops to look at, learnt in about a minute from what each tells the model."""
    options = {"generator": "small_scenes", "count": 1_000_000, "size": 192, "seed": 0}
    scenes = SourceConfig(source="synth", options=options, kinds=("question_answer",))
    return CropPolicyRunConfig(
        name="micro_crop_policy",
        mixture=MixtureConfig(groups=(GroupConfig(name="scenes", rate=1.0, sources=(scenes,)),)),
        steps=75,
        model="micro",
        init_from="runs/micro_sft/final",
        resize_mode="fast",
        attention="sdpa",
    )
