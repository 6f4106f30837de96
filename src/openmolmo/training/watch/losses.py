"""The loss of each held-out set, as the model would have it in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from openmolmo.core.errors import DataError, ImageError, PromptError
from openmolmo.core.rng import derive
from openmolmo.data.collate import collate
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.sequence import Tokens
from openmolmo.records.example import Example

__all__ = ["losses"]


def losses(
    *, processor: Processor, held_out: Mapping[str, Sequence[Example]], settings: Mapping[str, Any]
) -> Callable[[Molmo], dict[str, float]]:
    """Cross-entropy in nats of each held-out set, averaged over its tokens by their weights.

    The wording of every prompt is the same each time. Examples that cannot be used are left out.
    """

    def judge(model: Molmo) -> dict[str, float]:
        return {name: _loss(model, processor, name, examples, settings) for name, examples in held_out.items()}

    return judge


def _loss(
    model: Molmo, processor: Processor, name: str, examples: Sequence[Example], settings: Mapping[str, Any]
) -> float:
    device = next(model.parameters()).device
    total = weight = 0.0
    made = [[tokens] for tokens in _tokens(processor, name, examples, settings)]
    for start in range(0, len(made), int(settings["rows"])):
        rows = made[start : start + int(settings["rows"])]
        output = model(**{key: tensor.to(device) for key, tensor in collate(rows).items()})
        total += float(output.ce_sum)
        weight += float(output.weight_sum)
    if not weight:
        raise DataError(f"the held-out set {name!r} has nothing to judge on", fix="choose another by watch.data=PATH")
    return total / weight


def _tokens(
    processor: Processor, name: str, examples: Sequence[Example], settings: Mapping[str, Any]
) -> Iterator[Tokens]:
    for number, example in enumerate(examples):
        rng = derive(int(settings["seed"]), "held-out", name, number)
        try:
            tokens = processor.train(example, rng, max_length=int(settings["row_length"]))
        except (DataError, ImageError, PromptError):
            continue
        if len(tokens) <= int(settings["row_length"]):
            yield tokens
