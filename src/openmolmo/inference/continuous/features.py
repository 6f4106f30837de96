"""Pictures that were looked at before: what the encoder and the connector made of them, by content.

Letters: N crops, P patches of a crop, F width of a patch feature, M image tokens, D width of the language model.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from openmolmo.imaging import Crops, count_tokens
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import ImageSource, Picture

__all__ = ["FeatureCache", "Seen", "look", "picture_key"]


_SCORES = 2**14
"""Pictures whose strangeness is remembered, also when their features no longer are."""


@dataclass(slots=True, eq=False)
class Seen:
    """A picture of a request: its place in the prompt is that of its grids, ``features`` (M, D) come when looked at.

    ``mark`` stands for its tokens where prompts are compared: equal for equal pictures, and never a token's id.
    """

    picture: Picture
    key: str | None
    mark: int
    features: Tensor | None = None
    out_of_world: float | None = None

    @property
    def tokens(self) -> int:
        """M."""
        return count_tokens(self.picture.grids)


@dataclass(slots=True)
class _Kept:
    picture: Picture
    features: Tensor
    out_of_world: float | None


@dataclass(slots=True)
class _Counts:
    hits: int = 0
    misses: int = 0


@dataclass(slots=True)
class FeatureCache:
    """The features used last, up to ``limit`` bytes; may be asked from any thread."""

    limit: int
    counts: _Counts = field(default_factory=_Counts)
    bytes: int = 0
    _kept: OrderedDict[str, _Kept] = field(default_factory=OrderedDict)
    _scores: OrderedDict[str, float | None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, key: str | None) -> Seen | None:
        """The picture of that content, without its pixels."""
        with self._lock:
            kept = None if key is None else self._kept.get(key)
            if key is None or kept is None:
                self.counts.misses += 1
                return None
            self.counts.hits += 1
            self._kept.move_to_end(key)
            return Seen(kept.picture, key, mark_of(key), kept.features, kept.out_of_world)

    def again(self, seen: Seen) -> None:
        """Give a picture that has been looked at since it was missed its features; counts for nothing."""
        with self._lock:
            kept = None if seen.key is None else self._kept.get(seen.key)
            if kept is not None:
                seen.features, seen.out_of_world = kept.features, kept.out_of_world
            elif seen.key is not None:  # perhaps its tokens alone are still known, from another prompt
                seen.out_of_world = self._scores.get(seen.key)

    def put(self, seen: Seen) -> None:
        """Remember a picture that was looked at; the ones not used for longest make room."""
        features = seen.features
        assert features is not None
        size = _size(features)
        if seen.key is not None:
            with self._lock:
                self._scores[seen.key] = seen.out_of_world
                while len(self._scores) > _SCORES:
                    self._scores.popitem(last=False)
        if seen.key is None or size > self.limit:
            return
        with self._lock:
            old = self._kept.pop(seen.key, None)
            self.bytes += size - (_size(old.features) if old is not None else 0)
            self._kept[seen.key] = _Kept(_hollow(seen.picture), features, seen.out_of_world)
            while self.bytes > self.limit:
                _, least = self._kept.popitem(last=False)
                self.bytes -= _size(least.features)


def _size(features: Tensor) -> int:
    return features.numel() * features.element_size()


def picture_key(source: ImageSource, settings: str) -> str | None:
    """What tells a picture from others, for pictures given as bytes or arrays; ``settings``: of the cutting."""
    digest = hashlib.sha256(settings.encode())
    if isinstance(source, bytes):
        digest.update(source)
    elif isinstance(source, np.ndarray):
        digest.update(f"{source.shape} {source.dtype}".encode())
        digest.update(np.ascontiguousarray(source).data)
    else:
        return None  # a file may have other contents by now
    return digest.hexdigest()


def mark_of(key: str | None, unknown: int = 0) -> int:
    """Below every token's id; ``unknown`` tells pictures without a key apart."""
    return -2 - (int(key[:15], 16) * 2 if key is not None else unknown * 2 + 1)


@torch.inference_mode()
def look(model: Molmo, seen: Seen, crops: int) -> Iterator[None]:
    """Give a picture its features (M, D), ``crops`` crops at a time; None is given after each time."""
    given, device = seen.picture.crops, model.device
    parts: list[Tensor] = []
    for first in range(0, len(given.pixels), crops):
        pixels = torch.from_numpy(given.pixels[first : first + crops]).to(device)
        parts.append(model.encoder(pixels))
        if first + crops < len(given.pixels):
            yield None
    mask, pooled = (torch.tensor(array, device=device) for array in (given.patch_mask, given.pooled_patches))
    if model.known_world is not None:
        seen.out_of_world = model.known_world.score(parts[0][0], mask[0])
    seen.features = model.connector(torch.cat(parts), mask, pooled)
    yield None


def _hollow(picture: Picture) -> Picture:
    """The same without pixels, which are most of its memory."""
    crops = picture.crops
    return Picture(
        picture.size, picture.grids, Crops(crops.pixels[:0].copy(), crops.patch_mask[:0], crops.pooled_patches[:0])
    )
