"""Registration with the library's Auto classes, so that its own tools find a Molmo by ``config.json``.

Importing :mod:`openmolmo.model` registers configuration and model; the processor needs prompting and
imaging as well and is registered by :func:`openmolmo.register`, which does all three.
"""

from __future__ import annotations

from transformers import AutoConfig, AutoModelForImageTextToText

from openmolmo.model.config import MolmoConfig
from openmolmo.model.molmo import Molmo

__all__ = ["register_model"]


def register_model() -> None:
    """Make ``AutoConfig`` and ``AutoModelForImageTextToText`` know Molmo; doing it again changes nothing."""
    AutoConfig.register(MolmoConfig.model_type, MolmoConfig, exist_ok=True)
    AutoModelForImageTextToText.register(MolmoConfig, Molmo, exist_ok=True)
