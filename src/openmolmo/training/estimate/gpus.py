"""Accelerators by name: what they compute at most, hold, and exchange."""

from __future__ import annotations

from dataclasses import dataclass

from openmolmo.core.errors import ConfigError

__all__ = ["GPUS", "MEASURED", "UTILISATION", "Gpu", "find_gpu", "gpu_called"]

UTILISATION = 0.35
"""Share of the peak that is assumed to be useful work, where nothing was measured."""

MEASURED = 0.16
"""What the published run of the 7B models reached, sending included (docs/scaling.md)."""


@dataclass(frozen=True)
class Gpu:
    """``peak``: dense bfloat16 multiplications and additions a second. ``memory``: bytes.

    ``near`` and ``far`` are bytes a second that one device sends, and receives at the same time, within its node
    and to other nodes: makers' figures, which collectives reach to about three quarters. ``far`` is that of one
    400 Gbit/s adapter a device in data centres, 100 Gbit/s for eight devices of others.
    """

    name: str
    peak: float
    memory: float
    near: float
    far: float


GPUS = {
    "h100": Gpu("H100 SXM", 989e12, 80e9, 450e9, 50e9),
    "h200": Gpu("H200", 989e12, 141e9, 450e9, 50e9),
    "b200": Gpu("B200", 2250e12, 180e9, 900e9, 50e9),
    "a100": Gpu("A100 80 GB", 312e12, 80e9, 300e9, 25e9),
    "l40s": Gpu("L40S", 362e12, 48e9, 32e9, 1.6e9),
    "rtx4090": Gpu("RTX 4090", 165e12, 24e9, 32e9, 1.6e9),
    "rtx3090": Gpu("RTX 3090", 71e12, 24e9, 16e9, 1.6e9),
}
"""By the names that ``--gpu`` takes; figures of the makers' data sheets, without sparsity."""


def find_gpu(name: str) -> Gpu:
    """The device called ``name``. Raises ConfigError with the known ones."""
    key = name.lower().replace(" ", "").replace("-", "").removeprefix("nvidia")
    key = {"4090": "rtx4090", "3090": "rtx3090"}.get(key, key)
    if key not in GPUS:
        raise ConfigError(f"no figures are known of a GPU {name!r}", fix=f"known: {', '.join(GPUS)}")
    return GPUS[key]


def gpu_called(device_name: str) -> Gpu | None:
    """The entry that a driver's name of a device belongs to ("NVIDIA H100 80GB HBM3"), or None."""
    words = device_name.lower().replace(" ", "")
    return next((gpu for key, gpu in GPUS.items() if key in words), None)
