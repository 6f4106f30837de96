"""Judging on the way: registered callbacks look at the model every so many steps, and change nothing.

A callback is a factory, called once with ``processor``, ``held_out`` (examples by the name of their set) and
``settings``; it returns a function of the model that gives numbers by name. It is registered by an entry point of
the group ``openmolmo.callbacks``. A factory that cannot work on sharded weights says so by an attribute
``needs_whole_weights``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from openmolmo.core.errors import ConfigError
from openmolmo.core.registry import Registry
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.records.example import Example
from openmolmo.training.config import RunConfig
from openmolmo.training.watch.held_out import held_out

__all__ = ["CALLBACKS", "EvaluationCallbacks", "require_callbacks", "undisturbed"]

Callback = Callable[[Molmo], Mapping[str, float]]
Factory = Callable[..., Callback]

CALLBACKS: Registry[Factory] = Registry("callback")
"""Callbacks by name; entry points of the group ``openmolmo.callbacks``."""


def require_callbacks(names: Sequence[str]) -> None:
    """Raise NotRegisteredError for an unknown callback, whether or not it would be called; none is imported."""
    for name in names:
        if name not in CALLBACKS:
            CALLBACKS.get(name)


class EvaluationCallbacks:
    """All callbacks of a run."""

    def __init__(self, config: RunConfig, processor: Processor) -> None:
        """Raises NotRegisteredError for an unknown callback, ConfigError where nothing is held out."""
        self._every, self._steps = config.watch.evaluate_every, config.steps
        self._callbacks: dict[str, Callback] = {}
        if not self._every:
            return
        examples: dict[str, Sequence[Example]] = held_out(config)
        settings: dict[str, Any] = {
            "rows": config.loader.rows,
            "row_length": config.loader.row_length,
            "seed": config.seed,
            "tasks": config.watch.tasks,
            "radius": config.watch.radius,
        }
        for name in config.watch.callbacks:
            factory = CALLBACKS.get(name)
            if config.parallel.sharded and getattr(factory, "needs_whole_weights", False):
                raise ConfigError(
                    f"callback {name} cannot work while weights are sharded (parallel.mode={config.parallel.mode})",
                    fix=f"leave {name} out of watch.callbacks; judge checkpoints apart: openmolmo eval RUN",
                )
            self._callbacks[name] = factory(processor=processor, held_out=examples, settings=settings)

    def due(self, step: int) -> bool:
        """Whether the model is judged after this step: every so many, and at the end."""
        return bool(self._callbacks) and (step % self._every == 0 or step == self._steps)

    def judge(self, model: Molmo, device: torch.device, precision: torch.dtype) -> dict[str, dict[str, float]]:
        """What each callback says, by its name. Leaves the model and the random streams as they were."""
        half = precision == torch.bfloat16
        with undisturbed(model, device), torch.autocast(device.type, torch.bfloat16, enabled=half):
            return {
                name: {key: round(float(value), 5) for key, value in callback(model).items()}
                for name, callback in self._callbacks.items()
            }


@contextmanager
def undisturbed(model: Molmo, device: torch.device) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every module and torch's random state is as before."""
    modes = [(module, module.training) for module in model.modules()]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
