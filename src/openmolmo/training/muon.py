"""Muon, computed in float32 where the processor only emulates bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from openmolmo.model.matmul import multiplies_bfloat16

__all__ = ["Muon"]


class Muon(torch.optim.Muon):
    """The library's Muon with updates as large as AdamW's, so that one rate serves both (arXiv 2502.16982).

    The library orthogonalises in bfloat16, which a processor without such products emulates, some sixty times slower
    than float32. There this class takes the same steps in float32; everywhere else it is the library's. States
    are the same in both, so that a run goes on with what another machine saved.
    """

    def __init__(self, groups: list[dict[str, Any]], *, momentum: float) -> None:
        super().__init__(groups, momentum=momentum, adjust_lr_fn="match_rms_adamw")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the weights that have gradients."""
        devices = {p.device for group in self.param_groups for p in group["params"]}
        if all(multiplies_bfloat16(device) for device in devices):
            return super().step(closure)  # type: ignore[no-untyped-call]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._change(parameter, parameter.grad, group)
        return loss

    def _change(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        momentum: float = group["momentum"]
        mean: Tensor = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        update = gradient.lerp(mean, momentum) if group["nesterov"] else mean
        update = _orthogonal(update.float(), group["ns_coefficients"], group["ns_steps"], group["eps"])
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update, alpha=-0.2 * max(parameter.shape) ** 0.5 * group["lr"])


def _orthogonal(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """(M, N) -> (M, N) with all singular values near 1, by a fifth-degree Newton-Schulz iteration."""
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    made = matrix.T if tall else matrix  # the product with itself is then the smaller one
    made = made / made.norm().clamp(min=eps)
    for _ in range(steps):
        square = made @ made.T
        made = torch.addmm(made, torch.addmm(square, square, square, beta=b, alpha=c), made, beta=a)
    return made.T if tall else made
