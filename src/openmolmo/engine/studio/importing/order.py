"""Which pictures come first: as they came, at random, balanced over topics, or the most different ones.

Every order depends on the pictures and the seed only, so that an import that was cut off ends as it would have.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive

__all__ = ["ORDERS", "Candidate", "Order", "arranged", "farthest_first"]

Order = Literal["in-order", "random", "balanced", "diverse"]
ORDERS: tuple[Order, ...] = get_args(Order)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A picture that waits for its place."""

    id: int
    sha256: str
    topic: str = ""


def arranged(
    waiting: Sequence[Candidate],
    order: Order,
    *,
    seed: int,
    topics: Mapping[str, int] | None = None,
    features: Floats | None = None,
    settled: Floats | None = None,
) -> list[Candidate]:
    """The pictures in the order in which they are given out.

    ``topics``: pictures of each topic that have a task already (balanced). ``features``: a row a picture, and
    ``settled`` the rows of those that have a task already (diverse).
    """
    if order == "in-order":
        return list(waiting)
    by_chance = sorted(waiting, key=lambda one: (derive(seed, "studio-order", one.sha256).random(), one.sha256))
    if order == "random":
        return by_chance
    if order == "balanced":
        return _balanced(by_chance, Counter(topics or {}), seed)
    if order != "diverse":
        raise ConfigError(f"order={order!r} is none of {', '.join(ORDERS)}")
    assert features is not None and len(features) == len(waiting)
    return [waiting[index] for index in farthest_first(features, settled)]


def _balanced(by_chance: list[Candidate], topics: Counter[str], seed: int) -> list[Candidate]:
    """The topic with the fewest pictures so far gives the next one."""
    queues: defaultdict[str, deque[Candidate]] = defaultdict(deque)
    for one in by_chance:
        queues[one.topic].append(one)
    heap = [(topics[topic], derive(seed, "studio-topic", topic).random(), topic) for topic in queues]
    heapq.heapify(heap)
    made = []
    while heap:
        count, chance, topic = heapq.heappop(heap)
        made.append(queues[topic].popleft())
        if queues[topic]:
            heapq.heappush(heap, (count + 1, chance, topic))
    return made


def farthest_first(features: Floats, settled: Floats | None = None) -> list[int]:
    """Indexes such that each next row is the farthest from all before it; the first is the one nearest the mean."""
    count = len(features)
    if not count:
        return []
    if settled is not None and len(settled):
        distance = np.full(count, np.inf, np.float32)
        for row in settled:
            distance = np.minimum(distance, _squared(features, row))
        order: list[int] = []
    else:
        order = [int(np.argmin(_squared(features, features.mean(axis=0))))]
        distance = _squared(features, features[order[0]])
        distance[order[0]] = -1.0
    while len(order) < count:
        index = int(np.argmax(distance))
        order.append(index)
        distance = np.where(distance < 0, distance, np.minimum(distance, _squared(features, features[index])))
        distance[index] = -1.0
    return order


def _squared(features: Floats, row: Floats) -> Floats:
    made: Floats = np.square(features - row).sum(axis=1)
    return made
