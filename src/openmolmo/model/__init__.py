"""Vision encoder, connector and language model composed into Molmo; presets and checkpoints.

    from openmolmo.model import Molmo, load_model, nano, save_model

    model = Molmo(nano(vocab_size=4096, image_patch_id=4098))
    loss = model(**batch).loss                      # a collated batch: its keys are forward's parameters
    save_model(model, "out", dtype=torch.float16)
    model = load_model("out")
    model.generate(**prompts, max_new_tokens=64)

Importing this room also tells the library's ``AutoConfig`` and ``AutoModelForImageTextToText`` of Molmo.

:mod:`~openmolmo.model.molmo` is the place to start reading.
"""

from openmolmo.model.auto import register_model
from openmolmo.model.checkpoint import load_config, load_model, load_weights, save_model
from openmolmo.model.components import parameter_counts, parameter_groups
from openmolmo.model.config import MolmoConfig
from openmolmo.model.matmul import hold_onednn_back
from openmolmo.model.molmo import Molmo, MolmoOutput
from openmolmo.model.presets import PRESETS, nano

__all__ = [
    "Molmo",
    "MolmoConfig",
    "MolmoOutput",
    "PRESETS",
    "load_config",
    "load_model",
    "load_weights",
    "nano",
    "parameter_counts",
    "parameter_groups",
    "save_model",
]

hold_onednn_back()
register_model()
