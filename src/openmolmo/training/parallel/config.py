"""How a run is spread over processes, and what its layers keep for the backward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError

__all__ = ["ParallelConfig"]


@dataclass(frozen=True, kw_only=True)
class ParallelConfig(Config):
    """Nothing here changes what is computed, so all of it may differ when a run goes on.

    ``mode`` says what each of several processes holds: ``ddp`` the whole model, ``fsdp`` its share of weights,
    gradients and optimiser states, ``hsdp`` a share within each of ``replicate`` groups (the fast links of one
    node, say). Several processes with ``none`` are refused; one process is the same in every mode.
    The batches of a step (``accumulate``) are dealt out to the processes, so their number must divide it.

    ``reduce`` says when sharded gradients meet those of other processes: at the last batch of a ``step``, until when
    each process keeps whole ones (4 bytes a trained parameter), or after every ``batch``, which sends more.
    ``checkpointing`` saves memory for time: ``full`` keeps only what goes into a layer and computes the rest anew
    for the backward pass, ``selective`` keeps the results of matrix products and attention too. ``compile``
    compiles each layer. ``async_save`` copies a checkpoint and writes it while training goes on.
    ``timeout`` is how many seconds a process waits for the others before it gives up.
    """

    mode: Literal["none", "ddp", "fsdp", "hsdp"] = "none"
    replicate: int = 1
    reduce: Literal["step", "batch"] = "step"
    checkpointing: Literal["none", "selective", "full"] = "none"
    compile: bool = False
    async_save: bool = False
    timeout: int = 600

    def __post_init__(self) -> None:
        if self.replicate < 1 or self.timeout < 1:
            raise ConfigError(f"replicate={self.replicate} and timeout={self.timeout} must be at least 1")
        if self.replicate > 1 and self.mode != "hsdp":
            raise ConfigError(
                f"parallel.replicate={self.replicate} means nothing with parallel.mode={self.mode}",
                fix="set parallel.mode=hsdp, or leave replicate out",
            )
        if self.reduce == "batch" and not self.sharded:
            raise ConfigError(
                f"parallel.reduce=batch is for weights that are sharded; parallel.mode={self.mode} keeps them whole",
                fix="set parallel.mode=fsdp or hsdp, or leave reduce out",
            )

    @property
    def sharded(self) -> bool:
        """Whether each process holds only a share of the weights."""
        return self.mode in ("fsdp", "hsdp")
