"""Released Molmo checkpoints: their settings and tensor names, to ours and back.

    from openmolmo.model.released import load_released

    model = load_released("Molmo-7B-D-0924")

The maps are tables: :mod:`~openmolmo.model.released.dense`, :mod:`~openmolmo.model.released.moe` and
:mod:`~openmolmo.model.released.native`, with what they have in common in :mod:`~openmolmo.model.released.shared`.
"""

from openmolmo.model.released.config import read_config
from openmolmo.model.released.load import load_released, released_rules, released_weights, unused_weights
from openmolmo.model.released.stream import our_weights

__all__ = ["load_released", "our_weights", "read_config", "released_rules", "released_weights", "unused_weights"]
