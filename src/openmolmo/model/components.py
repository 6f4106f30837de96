"""The three components that are trained with their own rates and clipped apart."""

from __future__ import annotations

from torch import nn

__all__ = ["PARTS", "parameter_counts", "parameter_groups", "part_of"]

PARTS = ("encoder", "connector", "llm")


def part_of(name: str) -> str:
    """The component that a parameter of a Molmo belongs to, by its name.

    The extra embedding rows belong to the connector: they are new, as it is.
    """
    if name.startswith("encoder."):
        return "encoder"
    if name.startswith("connector.") or name == "embedding.extra":
        return "connector"
    return "llm"


def parameter_groups(model: nn.Module) -> dict[str, list[str]]:
    """Names of all parameters of a Molmo by component: encoder, connector, llm."""
    groups: dict[str, list[str]] = {part: [] for part in PARTS}
    for name, _ in model.named_parameters():
        groups[part_of(name)].append(name)
    return groups


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """Numbers of parameters by component."""
    counts = dict.fromkeys(PARTS, 0)
    for name, parameter in model.named_parameters():
        counts[part_of(name)] += parameter.numel()
    return counts
