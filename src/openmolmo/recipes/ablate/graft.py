"""A model that sees already, with a language model that is new: what arms of other sizes start from."""

from __future__ import annotations

from pathlib import Path

import torch

from openmolmo.core.errors import ConfigError
from openmolmo.core.files import atomic_dir
from openmolmo.inference.load import load_model
from openmolmo.model.checkpoint import save_model
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import BaseRunConfig

__all__ = ["graft"]

_SEEING = ("encoder.", "connector.")


def graft(config: BaseRunConfig, seen: Path, out: Path) -> None:
    """Write a model of ``config.model`` into ``out``: encoder and connector of ``seen``, the rest fresh by the seed.

    Raises ConfigError where the parts that see are of another shape there.
    """
    fresh = config.replace(init_from=None)
    processor = build_processor(fresh)
    model = build_model(fresh, processor)
    known = dict(load_model(seen, device="cpu").named_parameters())
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if not name.startswith(_SEEING):
                continue
            if name not in known or known[name].shape != weight.shape:
                raise ConfigError(
                    f"{config.model} cannot see by what {seen} has learnt: {name} is {list(weight.shape)}, and "
                    f"{list(known[name].shape) if name in known else 'nothing'} there",
                    fix="choose a model that differs in its language model alone, of the same width",
                )
            weight.copy_(known[name])
    with atomic_dir(out) as temporary:
        save_model(model, temporary)
        processor.save_pretrained(temporary)
