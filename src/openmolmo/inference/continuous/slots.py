"""Keys and values of many rows of different lengths, each in a slot of its own.

Rows that are being continued stand in the first slots, without a gap, so that a step sees all of them as one view and
copies nothing. What a row has read stays in its slot when it is done, and can be gone on from, or copied, until
another row needs the slot.

Letters: S slots, G heads of keys, C tokens of room, W width of a head, B rows of a step, T tokens of a chunk.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

__all__ = ["SlotCache"]

_ROOM = 256  # tokens by which slots grow, at least


class SlotCache(Cache):  # type: ignore[misc]
    """What the model's layers are given in place of the library's caches.

    Before each pass :meth:`chunk` or :meth:`step` says which places its keys and values go to.
    """

    def __init__(self, slots: int) -> None:
        super().__init__(layer_class_to_replicate=DynamicLayer)
        self.slots = slots
        self.lengths = np.zeros(slots, np.int64)
        self.known = np.zeros((slots, _ROOM), np.int64)
        self._buffers: list[tuple[Tensor, Tensor]] = []
        self._made, self._room = 0, 0
        self._rows = slice(0, 0)
        self._end = 0
        self._start: int | None = None
        self._places: dict[tuple[torch.device, int], Tensor] = {}

    # -------------------------------------------------------------------------- what a pass writes

    def chunk(self, slot: int, count: int) -> None:
        """The next pass reads (1, ``count``) more tokens into a slot."""
        self._start = int(self.lengths[slot])
        self._rows, self._end = slice(slot, slot + 1), self._start + count
        self._make_room(slot + 1, self._end)

    def step(self, rows: int) -> None:
        """The next pass reads one more token into each of the first ``rows`` slots."""
        self._start = None
        self._rows, self._end = slice(0, rows), int(self.lengths[:rows].max()) + 1
        self._places.clear()
        self._make_room(rows, self._end)

    def wrote(self, slot: int, ids: npt.NDArray[np.int64] | int) -> None:
        """The pass is done: the slot has these tokens more."""
        start = int(self.lengths[slot])
        end = start + (1 if isinstance(ids, int) else len(ids))
        self.known[slot, start:end] = ids
        self.lengths[slot] = end

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Keys and values (B, G, T, W) of the new tokens -> those of all tokens that the rows have."""
        while len(self._buffers) <= layer_idx:
            _, heads, _, width = key_states.shape
            size = (self._made, heads, self._room, width)
            self._buffers.append(
                (key_states.new_zeros(size), value_states.new_zeros((*size[:3], value_states.shape[3])))
            )
        both = self._buffers[layer_idx]
        for buffer, new in zip(both, (key_states, value_states), strict=True):
            if self._start is not None:
                buffer[self._rows, :, self._start : self._end] = new
            else:
                places = self._places_of(buffer)
                buffer.view(-1, buffer.shape[3]).index_copy_(0, places, new.reshape(-1, buffer.shape[3]))
        keys, values = (buffer[self._rows, :, : self._end] for buffer in both)
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens of the longest row of the pass, before it."""
        return self._end - 1

    def _places_of(self, buffer: Tensor) -> Tensor:
        """Where a step's token of each row and head goes in a buffer seen as (S * G * C, W)."""
        key = (buffer.device, buffer.shape[1])
        if key not in self._places:
            rows = np.arange(self._rows.stop)[:, None] * buffer.shape[1] + np.arange(buffer.shape[1])
            places = rows * self._room + self.lengths[self._rows, None]
            self._places[key] = torch.from_numpy(places.reshape(-1)).to(buffer.device)
        return self._places[key]

    # -------------------------------------------------------------------------- which slot

    def longest(self, spelling: npt.NDArray[np.int64]) -> tuple[int, int]:
        """(slot, tokens) that has the most of a prompt's beginning, its last token never counted."""
        reach = min(len(spelling) - 1, self.known.shape[1])
        if reach <= 0:
            return 0, 0
        same = self.known[:, :reach] == spelling[:reach]
        shared = np.where(same.all(axis=1), reach, same.argmin(axis=1))
        shared = np.minimum(shared, self.lengths)
        best = int(shared.argmax())
        return best, int(shared[best])

    @torch.inference_mode()
    def copy(self, source: int, target: int, length: int) -> None:
        """Let a slot begin with what another has read."""
        self._make_room(target + 1, length)
        for both in self._buffers:
            for buffer in both:
                buffer[target, :, :length] = buffer[source, :, :length]
        self.known[target, :length] = self.known[source, :length]
        self.lengths[target] = length

    @torch.inference_mode()
    def swap(self, one: int, other: int) -> None:
        """Let two slots change places."""
        if one == other:
            return
        length = int(self.lengths[[one, other]].max())
        self._make_room(max(one, other) + 1, length)
        for both in self._buffers:
            for buffer in both:
                first = buffer[one, :, :length].clone()
                buffer[one, :, :length] = buffer[other, :, :length]
                buffer[other, :, :length] = first
        self.known[[one, other]] = self.known[[other, one]]
        self.lengths[[one, other]] = self.lengths[[other, one]]

    @torch.inference_mode()
    def wipe(self, slot: int) -> None:
        """Forget what a slot has, which may be no numbers: those would reach other rows even from behind a mask."""
        self.lengths[slot] = 0
        if slot < self._made:
            for both in self._buffers:
                for buffer in both:
                    buffer[slot].zero_()

    @torch.inference_mode()
    def _make_room(self, slots: int, length: int) -> None:
        """Let buffers have that many slots and so many tokens in each; what they hold is kept."""
        if slots <= self._made and length <= self._room:
            return
        made = self._made if slots <= self._made else min(self.slots, max(slots, 2 * self._made))
        room = self._room
        if length > room:
            room = -(-max(length, room + room // 2) // _ROOM) * _ROOM
        for place, both in enumerate(self._buffers):
            grown = []
            for old in both:
                buffer = old.new_zeros(made, old.shape[1], room, old.shape[3])
                buffer[: self._made, :, : self._room] = old
                grown.append(buffer)
            self._buffers[place] = (grown[0], grown[1])
        known = np.zeros((self.slots, max(room, self.known.shape[1])), np.int64)
        known[:, : self.known.shape[1]] = self.known
        self.known, self._made, self._room = known, made, room
