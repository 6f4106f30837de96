"""Parts of a model that are left as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from openmolmo.core.errors import ConfigError

__all__ = ["FROZEN_PARTS", "freeze", "frozen_names"]

FROZEN_PARTS: dict[str, tuple[str, ...]] = {
    "encoder": ("encoder",),
    "connector": ("connector", "embedding.extra"),
    "llm": ("decoder", "embedding.base", "lm_head"),
    "embedding": ("embedding.base",),
    "head": ("lm_head",),
}
"""What can be frozen by name, as the beginnings of parameter names; any other beginning will do too."""


def frozen_names(names: Iterable[str], frozen: Sequence[str]) -> set[str]:
    """Which of the parameter ``names`` are meant by ``frozen``. Raises ConfigError for an entry that means none."""
    names = list(names)
    found: set[str] = set()
    for entry in frozen:
        starts = FROZEN_PARTS.get(entry, (entry,))
        meant = {name for name in names if any(name == start or name.startswith(f"{start}.") for start in starts)}
        if not meant:
            raise ConfigError(
                f"freeze={entry!r} is no part of the model",
                fix=f"known: {', '.join(FROZEN_PARTS)}; or the beginning of a parameter's name, such as "
                "decoder.layers.0 (a head that is tied to the embedding is frozen with it)",
            )
        found |= meant
    return found


def freeze(model: nn.Module, frozen: Sequence[str]) -> None:
    """Let nothing of ``frozen`` get a gradient; errors as in :func:`frozen_names`."""
    chosen = frozen_names((name for name, _ in model.named_parameters()), frozen)
    for name, parameter in model.named_parameters():
        if name in chosen:
            parameter.requires_grad_(False)
