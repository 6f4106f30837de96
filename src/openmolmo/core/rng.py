"""Random streams as arguments: every generator is derived from (seed, keys...), never global.

The same keys give the same stream on every machine and in every process; two different key
tuples give independent streams. That is what makes any worker able to make any shard.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["derive", "derive_seed"]


def derive_seed(seed: int, *keys: int | str) -> int:
    """A 128-bit integer that depends on the seed and every key, and on their types and order."""
    parts = [f"i{int(k)}" if isinstance(k, (int, np.integer)) else "s" + k.replace("|", "||") for k in (seed, *keys)]
    text = "|".join(parts)  # the doubled bar keeps ("a|sb",) apart from ("a", "b")
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def derive(seed: int, *keys: int | str) -> np.random.Generator:
    """A fresh PCG64 generator for (seed, keys...), e.g. ``derive(seed, epoch, index, "shuffle")``."""
    return np.random.Generator(np.random.PCG64(derive_seed(seed, *keys)))
