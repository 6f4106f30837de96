"""Published weights in whatever order they come, as ours: for programs that read the files themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor

from openmolmo.core.errors import CheckpointError
from openmolmo.model.config import MolmoConfig
from openmolmo.model.released.load import ReleasedLayout, is_unused, released_rules

__all__ = ["our_weights"]

_FIX = "both must come from the same release: get the folder again"


def our_weights(
    config: MolmoConfig, stored: Iterable[tuple[str, Tensor]], layout: ReleasedLayout = "published"
) -> Iterator[tuple[str, Tensor]]:
    """(our name, weight in our form) for (stored name, tensor), as soon as all that makes a weight has come.

    What belongs together is held until it is whole: of a mixture at most the experts of the layers that are open.

    Raises:
        CheckpointError: a tensor is none of such a model's or, at the end, some have not come.
    """
    expected = {name: rule for rule in released_rules(config, layout) for name in rule.theirs}
    unused = is_unused(config)
    held: dict[tuple[str, ...], dict[str, Tensor]] = {}
    for name, tensor in stored:
        rule = expected.pop(name, None)
        if rule is None and unused(name):
            continue
        if rule is None:
            raise CheckpointError(f"the weights have {name} {list(tensor.shape)}, which this model lacks", fix=_FIX)
        parts = held.setdefault(rule.theirs, {})
        parts[name] = tensor
        if len(parts) == len(rule.theirs):
            del held[rule.theirs]
            yield from zip(rule.ours, rule.change.to_ours([parts[name] for name in rule.theirs]), strict=True)
    if expected:
        shown = ", ".join(sorted(expected)[:5])
        raise CheckpointError(f"the weights lack {len(expected)} tensors: {shown}", fix=_FIX)
