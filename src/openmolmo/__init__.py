"""openmolmo: build, run and judge a vision-language model without distilling a closed one.

The public names below are loaded on first use, so that ``import openmolmo`` (and the
command line's ``--help``) never pays for torch. Without torch, most of them raise MissingDependencyError with
the line that installs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openmolmo.inference.hf import register
    from openmolmo.inference.load import load, load_model
    from openmolmo.inference.predictor import Predictor
    from openmolmo.model.molmo import Molmo
    from openmolmo.prompting.processor import Processor
    from openmolmo.records.example import Example

__version__ = "0.1.0"

_LAZY = {
    "Example": "openmolmo.records.example",
    "Molmo": "openmolmo.model.molmo",
    "Predictor": "openmolmo.inference.predictor",
    "Processor": "openmolmo.prompting.processor",
    "load": "openmolmo.inference.load",
    "load_model": "openmolmo.inference.load",
    "register": "openmolmo.inference.hf",
}

__all__ = ["Example", "Molmo", "Predictor", "Processor", "__version__", "load", "load_model", "register"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from openmolmo.core.optional import torch_as_extra

        with torch_as_extra():
            return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'openmolmo' has no attribute {name!r}")
