"""Vision backbones of the library, each described by one small file and one row below."""

from openmolmo.core.registry import Registry
from openmolmo.model.encoders.base import Backbone
from openmolmo.model.encoders.clip import CLIP

__all__ = ["ENCODERS", "Backbone"]

#: ``vision_config.model_type`` -> how to use that backbone. Others come in by entry point ``openmolmo.encoders``.
ENCODERS: Registry[Backbone] = Registry("encoder")
ENCODERS.register("clip_vision_model", CLIP)
