"""MetaCLIP 2 encoders: built like CLIP; crops are stretched, not padded. (MetaCLIP 1 checkpoints are CLIP models.)"""

from __future__ import annotations

from openmolmo.model.encoders.clip import like_clip

__all__ = ["METACLIP2"]

METACLIP2 = like_clip("MetaClip2VisionModel")
