"""From stored weights to a model: made without memory, then filled tensor by tensor.

Peak memory is the weights in the target type and little more: nothing is initialised, held twice or kept in its
stored type.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from transformers.initialization import no_init_weights

from openmolmo.core.errors import CheckpointError
from openmolmo.model.config import MolmoConfig
from openmolmo.model.molmo import Molmo
from openmolmo.model.weights import StoredWeights

if TYPE_CHECKING:
    from openmolmo.model.released.rules import Rule

__all__ = ["StoredModel", "copy_into", "empty_model", "materialized_model"]

Place = Callable[[str], torch.device]


@dataclass(frozen=True)
class StoredModel:
    """An opened model folder: its configuration, its weights, and how their names and forms become ours.

    ``rules`` gives the name map of a model with this configuration. ``spare`` says which tensors may be left over:
    encoder blocks after the last one whose features are used. ``changed`` makes a weight by our name of the stored
    one, such as with an adapter added.
    """

    folder: Path
    config: MolmoConfig
    weights: StoredWeights
    rules: Callable[[Molmo], Sequence[Rule]]
    spare: Callable[[str], bool] = lambda name: False
    changed: Callable[[str, Tensor], Tensor] = lambda name, weight: weight


def empty_model(config: MolmoConfig) -> Molmo:
    """A Molmo whose parameters have shapes but no memory (meta device); buffers are real."""
    with no_init_weights(), _parameters_on_meta():
        model: Molmo = Molmo(config)
    model.tie_weights()
    return model


def materialized_model(stored: StoredModel, dtype: torch.dtype, place: Callable[[Molmo], Place]) -> Molmo:
    """The stored model in evaluation mode, its weights in ``dtype``.

    Args:
        stored: what to read.
        dtype: type of the weights in memory.
        place: of the empty model, gives where each parameter goes by name.

    Raises:
        CheckpointError: names or shapes do not fit the configuration (nothing was read then), or a file cannot be
            read to its end.
    """
    model = empty_model(stored.config)
    rules = stored.rules(model)
    _check(stored, rules, model)
    where = place(model)
    with torch.no_grad():
        for name, tensor in _made(stored.weights, rules, lambda name: dtype):
            parent, _, leaf = name.rpartition(".")
            module = model.get_submodule(parent)
            trained = getattr(module, leaf).requires_grad
            setattr(
                module, leaf, nn.Parameter(_own(stored.changed(name, tensor)).to(where(name)), requires_grad=trained)
            )
    model.tie_weights()
    model.eval()
    return model


def copy_into(model: Molmo, stored: StoredModel, put: Callable[[Tensor, Tensor], object] = Tensor.copy_) -> None:
    """Copy stored weights into a model with memory of its own; nothing is changed when they do not fit.

    ``put`` copies its second argument, a whole weight, into its first, which may hold a share of it.

    Raises:
        CheckpointError: names or shapes do not fit the model.
    """
    rules = stored.rules(model)
    _check(stored, rules, model)
    target = dict(model.named_parameters())
    with torch.no_grad():
        for name, tensor in _made(stored.weights, rules, lambda name: target[name].dtype):
            put(target[name], stored.changed(name, tensor))


def _made(
    weights: StoredWeights, rules: Sequence[Rule], dtype: Callable[[str], torch.dtype]
) -> Iterator[tuple[str, Tensor]]:
    for rule in rules:
        if rule.change.rows is not None:  # nothing is held that is not a weight
            first = 0
            for name, rows in zip(rule.ours, rule.change.rows, strict=True):
                yield name, weights.read(rule.theirs[0], dtype(name), slice(first, first + rows))
                first += rows
            continue
        # In the target type from the start, so that a change of form never has the stored one's size.
        theirs = [weights.read(name, dtype(rule.ours[0])) for name in rule.theirs]
        ours = rule.change.to_ours(theirs)
        del theirs
        yield from zip(rule.ours, ours, strict=True)


def _own(tensor: Tensor) -> Tensor:
    """``tensor``, or a copy where it is a part of another or turned around."""
    whole = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if whole else tensor.clone(memory_format=torch.contiguous_format)


@contextmanager
def _parameters_on_meta() -> Iterator[None]:
    """Parameters of modules made in this block (by this thread) lose their memory as soon as they have a name.

    Buffers keep theirs: they are computed, not stored, and small.
    """
    thread = threading.get_ident()

    def forget(module: nn.Module, name: str, parameter: nn.Parameter) -> nn.Parameter | None:
        if threading.get_ident() != thread or parameter is None or parameter.is_meta:
            return None
        return nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)

    handle = register_module_parameter_registration_hook(forget)  # type: ignore[arg-type]  # may return a parameter
    try:
        yield
    finally:
        handle.remove()


def _check(stored: StoredModel, rules: Sequence[Rule], model: Molmo) -> None:
    """Names and shapes of all stored tensors against the model, before any is read."""
    faults = list(_faults(stored, rules, model))
    if faults:
        shown = "; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
        raise CheckpointError(
            f"the weights in {stored.folder} do not fit its configuration: {shown}",
            fix="both must come from the same release or run: get the folder again; re-saved copies have other names",
        )


def _faults(stored: StoredModel, rules: Sequence[Rule], model: Molmo) -> Iterator[str]:
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    found = stored.weights.shapes
    known: set[str] = set()
    for rule in rules:
        ours = [torch.empty(shapes.pop(name), device="meta") for name in rule.ours]
        known.update(rule.theirs)
        for name, tensor in zip(rule.theirs, rule.change.to_theirs(ours), strict=True):
            if name not in found:
                yield f"{name} {list(tensor.shape)} is missing"
            elif found[name] != list(tensor.shape):
                yield f"{name} is {found[name]} in the file, {list(tensor.shape)} in the model"
    assert not shapes, f"no rule makes {sorted(shapes)}"
    for name in sorted(found.keys() - known):
        if not stored.spare(name):
            yield f"{name} {found[name]} is left over"
