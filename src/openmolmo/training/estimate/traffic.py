"""Bytes that each device sends in one step of training, by the way the model is spread (ring collectives)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Traffic", "traffic"]


@dataclass(frozen=True)
class Traffic:
    """Bytes that each device sends within its node (``near``) and to others (``far``) in one step."""

    near: float = 0.0
    far: float = 0.0

    def seconds(self, near: float, far: float) -> float:
        """Time of it all, nothing at once, at so many bytes a second."""
        return self.near / near + self.far / far


def traffic(
    mode: str,
    gpus: int,
    *,
    every: float,
    trained: float,
    batches: int = 1,
    reduces: int = 1,
    node: int = 8,
    replicate: int = 1,
) -> Traffic:
    """One step of ``gpus`` devices, ``node`` of them in each machine.

    ``ddp``: gradients (float32) are summed once: 2 (n-1)/n x 4 bytes each. ``fsdp``: for each of ``batches`` the
    weights are gathered twice in bfloat16, for the forward and the backward pass, (n-1)/n x 2 bytes each time, and
    gradients are scattered ``reduces`` times a step, (n-1)/n x 4 bytes each. ``hsdp``: the same within a group of
    n / ``replicate``, then sums of the shards among the groups. A ring over several nodes runs through all adapters
    of each: of what each device sends on, an adapter carries 1 / ``node``. Sums among groups have an adapter a device.
    """
    if gpus <= 1 or mode == "none":
        return Traffic()
    if mode == "ddp":
        return _ring(2 * 4 * trained * (gpus - 1) / gpus, gpus, node)
    group = gpus // replicate if mode == "hsdp" else gpus
    share = (group - 1) / group
    shared = _ring(share * (batches * 2 * 2 * every + reduces * 4 * trained), group, node)
    if replicate == 1 or mode != "hsdp":
        return shared
    summed = 2 * 4 * trained / group * (replicate - 1) / replicate
    if gpus <= node:
        return Traffic(near=shared.near + summed)
    return Traffic(shared.near, shared.far + summed)


def _ring(sent: float, members: int, node: int) -> Traffic:
    return Traffic(near=sent, far=0.0 if members <= node else sent / node)
