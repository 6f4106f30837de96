"""Molmo for the library's own tools: Auto classes, pipelines, chat templates.

import openmolmo

openmolmo.register()
pipe = pipeline("image-text-to-text", model="model/")
"""

from openmolmo.inference.hf.processor import MolmoProcessor, register

__all__ = ["MolmoProcessor", "register"]
