"""The devices that a test is run on: this processor always, an accelerator where there is one.

``pytest -m gpu`` runs the second half, on a machine that has one.
"""

from __future__ import annotations

import pytest
import torch

NEEDS_GPU = (pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator"))
"""Marks of what cannot run on a processor."""

DEVICES = (pytest.param("cpu", id="cpu"), pytest.param("cuda", id="cuda", marks=NEEDS_GPU))
