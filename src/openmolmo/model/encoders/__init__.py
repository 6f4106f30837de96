"""Vision backbones of the library, each described by one small file and one row below.

Checkpoints of MetaCLIP 1 are CLIP models, those of SigLIP 2 with a fixed resolution are SigLIP models.
"""

from openmolmo.core.errors import ConfigError
from openmolmo.core.registry import Registry
from openmolmo.model.encoders.base import Backbone
from openmolmo.model.encoders.clip import CLIP
from openmolmo.model.encoders.dinov2 import DINOV2
from openmolmo.model.encoders.metaclip2 import METACLIP2
from openmolmo.model.encoders.siglip import SIGLIP

__all__ = ["ENCODERS", "Backbone", "find_encoder"]

#: ``vision_config.model_type`` -> how to use that backbone. Others come in by entry point ``openmolmo.encoders``.
ENCODERS: Registry[Backbone] = Registry("encoder")
ENCODERS.register("clip_vision_model", CLIP)
ENCODERS.register("dinov2", DINOV2)
ENCODERS.register("metaclip_2_vision_model", METACLIP2)
ENCODERS.register("siglip_vision_model", SIGLIP)


def find_encoder(kind: str) -> Backbone:
    """The backbone of a ``model_type``.

    Raises:
        ConfigError: it is one that cannot work here, and why.
        NotRegisteredError: it is unknown.
    """
    if kind.startswith("siglip2") and kind not in ENCODERS:
        raise ConfigError(
            f"the encoder {kind!r} is a SigLIP 2 with a native aspect ratio (NaFlex): it takes lists of patches of any "
            "shape, but crops here are squares of one size",
            fix="use a SigLIP 2 of fixed resolution, for example google/siglip2-so400m-patch14-384",
        )
    return ENCODERS.get(kind)
