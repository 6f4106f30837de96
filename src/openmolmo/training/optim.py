"""AdamW over the parts of a model, each with its own learning rate, warm-up and clipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from openmolmo.model.parts import parameter_groups
from openmolmo.training.config import PARTS, OptimizerConfig
from openmolmo.training.schedule import rate_factor

__all__ = ["Optimizer", "trained_parameters"]


def trained_parameters(model: nn.Module, config: OptimizerConfig) -> dict[str, list[nn.Parameter]]:
    """Trained parameters of each part; a part with learning rate 0 is frozen here and left out."""
    parameters = dict(model.named_parameters())
    trained: dict[str, list[nn.Parameter]] = {}
    for part, names in parameter_groups(model).items():
        members = [parameters[name] for name in names]
        if config.part(part).lr == 0:
            for parameter in members:
                parameter.requires_grad_(False)
        kept = [parameter for parameter in members if parameter.requires_grad]
        if kept:
            trained[part] = kept
    return trained


class Optimizer:
    """Clips each part's gradients by its own norm, then takes an AdamW step at its own learning rate."""

    def __init__(self, parameters: Mapping[str, Sequence[nn.Parameter]], config: OptimizerConfig, steps: int) -> None:
        self.config, self.steps = config, steps
        self.parts = {part: list(parameters[part]) for part in PARTS if parameters.get(part)}
        groups = [{"params": members, "lr": 0.0} for members in self.parts.values()]
        self.adamw = torch.optim.AdamW(
            groups, betas=config.betas, eps=config.eps, weight_decay=config.weight_decay, fused=True
        )

    def rates(self, step: int) -> dict[str, float]:
        """Learning rate of each part at ``step`` (1 for the first)."""
        rates = {}
        for part in self.parts:
            settings = self.config.part(part)
            factor = rate_factor(
                step,
                steps=self.steps,
                warmup=settings.warmup_in(self.steps),
                final_fraction=self.config.final_fraction,
                delay=settings.delay_in(self.steps),
            )
            rates[part] = settings.lr * factor
        return rates

    def clip(self) -> dict[str, float]:
        """Scale each part's gradients down to its largest norm; returns the norms before."""
        return {part: float(norm) for part, norm in {part: self._clip(part) for part in self.parts}.items()}

    def update(self, step: int) -> dict[str, float]:
        """Take AdamW's step number ``step`` and drop the gradients; returns the learning rates used."""
        rates = self.rates(step)
        for group, rate in zip(self.adamw.param_groups, rates.values(), strict=True):
            group["lr"] = rate
        self.adamw.step()
        self.adamw.zero_grad(set_to_none=True)
        return rates

    def _clip(self, part: str) -> Tensor:
        gradients = [p.grad for p in self.parts[part] if p.grad is not None]
        if not gradients:
            return torch.zeros(())
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        factor = (self.config.part(part).clip / (norm + 1e-6)).clamp(max=1.0)
        torch._foreach_mul_(gradients, factor)
        return norm
