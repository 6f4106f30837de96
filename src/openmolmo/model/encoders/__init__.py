"""Vision backbones of the library, each described by one small file and one row below.

MetaCLIP checkpoints are CLIP models.
"""

from openmolmo.core.registry import Registry
from openmolmo.model.encoders.base import Backbone
from openmolmo.model.encoders.clip import CLIP
from openmolmo.model.encoders.dinov2 import DINOV2
from openmolmo.model.encoders.siglip import SIGLIP

__all__ = ["ENCODERS", "Backbone"]

#: ``vision_config.model_type`` -> how to use that backbone. Others come in by entry point ``openmolmo.encoders``.
ENCODERS: Registry[Backbone] = Registry("encoder")
ENCODERS.register("clip_vision_model", CLIP)
ENCODERS.register("dinov2", DINOV2)
ENCODERS.register("siglip_vision_model", SIGLIP)
