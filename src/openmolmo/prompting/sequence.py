"""Branches -> one sequence of token ids with positions, branch ids, labels and loss weights.

    BOS <im_start>…<im_end> | User: … Assistant: reply EOS | User: … Assistant: reply EOS
    branch 0 (prefix)       | branch 1                     | branch 2
    positions 0 .. P-1      | P ..                         | P ..

Every branch sees the prefix and itself, so each is as if it stood alone behind the images
(arXiv 2409.17146, section 3). Inputs are all tokens but the last, labels all but the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import PromptError
from openmolmo.imaging import Crops
from openmolmo.imaging.keeping import Grids, bands_of
from openmolmo.prompting.formatter import Branch, Turn
from openmolmo.prompting.tokenizer import IMAGE_PLACE, SpecialIds, TextTokenizer

__all__ = ["Tokens", "image_token_ids", "join_images", "prompt_sequence", "training_parts", "training_sequence"]

Weighting = Literal["none", "root_branches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """One example as numbers; T tokens.

    ``branch_ids`` 0 is the prefix that every branch sees, 1.. the branches. ``labels[t]`` is the
    token that input ``t`` predicts (already shifted); ``loss_weights[t]`` is 0 where there is no loss.
    ``images`` hold crops and, for each ``<im_patch>`` in order, the patches it pools
    (indices into that image's own crops).
    """

    input_ids: npt.NDArray[np.int64]
    position_ids: npt.NDArray[np.int64]
    branch_ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    loss_weights: npt.NDArray[np.float32]
    images: list[Crops] = field(default_factory=list)

    def __len__(self) -> int:
        return int(self.input_ids.shape[0])


@dataclass(slots=True)
class _Draft:
    """Tokens before the shift: ``loss`` says whether the token itself is to be predicted."""

    ids: list[int] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    loss: list[bool] = field(default_factory=list)
    images: list[tuple[int, int, int]] = field(default_factory=list)  # (image, first token, one after the last)

    def add(self, ids: Sequence[int], branch: int, position: int, *, loss: bool = False) -> int:
        """Append tokens of one branch from ``position`` on; return the position after them."""
        self.ids += ids
        self.branches += [branch] * len(ids)
        self.positions += range(position, position + len(ids))
        self.loss += [loss] * len(ids)
        return position + len(ids)

    def add_image(self, image: int, ids: Sequence[int], branch: int, position: int) -> int:
        self.images.append((image, len(self.ids), len(self.ids) + len(ids)))
        return self.add(ids, branch, position)


@lru_cache(maxsize=4096)
def image_token_ids(grids: Grids, special: SpecialIds) -> tuple[int, ...]:
    """``<im_start>`` rows ``<im_end>`` for each grid; a row is its ``<im_patch>`` and one ``<im_col>``."""
    ids: list[int] = []
    for grid in grids:
        ids.append(special.im_start)
        for rows, columns in bands_of(grid):
            ids += ([special.im_patch] * columns + [special.im_col]) * rows
        ids.append(special.im_end)
    return tuple(ids)


def training_sequence(
    branches: Sequence[Branch],
    grids: Sequence[Grids],
    crops: Sequence[Crops] | None,
    tokenizer: TextTokenizer,
    *,
    weighting: Weighting = "root_branches",
    max_length: int | None = None,
) -> Tokens:
    """A sequence to train on: EOS after every assistant turn, loss on assistant turns and their EOS.

    ``grids[i]`` and ``crops[i]`` belong to image i (``crops`` None: only the text is wanted). Images
    go where a branch's user turns hold ``<|image|>`` (every branch then holds one for each image), or else
    to the start. ``weighting``:
    ``root_branches`` gives each of n branches sqrt(1/n). ``max_length``: longer sequences are cut, inside a
    branch if need be, never inside an image and never so that nothing is left to learn; what cannot be cut
    so is a PromptError.
    """
    draft = _draft(branches, grids, tokenizer)
    return _tokens(draft, _branch_weight(weighting, len(branches)), crops, max_length)


def training_parts(
    branches: Sequence[Branch],
    grids: Sequence[Grids],
    crops: Sequence[Crops] | None,
    tokenizer: TextTokenizer,
    *,
    max_length: int,
    weighting: Weighting = "root_branches",
) -> list[Tokens]:
    """Like :func:`training_sequence`, but what is longer than ``max_length`` becomes several sequences.

    Each has the images and as many of the branches, in order, as fit; branches weigh what they would have
    weighed together. A branch that is too long alone is cut, and left out where its question leaves no room
    for the reply. PromptError where that goes for all of them.
    """
    draft = _draft(branches, grids, tokenizer)
    weight = _branch_weight(weighting, len(branches))
    if len(draft.ids) - 1 <= max_length:
        return [_tokens(draft, weight, crops, None)]
    parts: list[Tokens] = []
    unusable: PromptError | None = None
    for first, end in _fitting_runs(np.bincount(draft.branches), max_length):
        part = _draft(branches[first:end], grids, tokenizer)
        try:
            parts.append(_tokens(part, weight, crops, max_length))
        except PromptError as error:
            unusable = error
    if unusable is not None and not parts:
        raise unusable
    return parts


def _branch_weight(weighting: Weighting, branches: int) -> float:
    return math.sqrt(1.0 / branches) if weighting == "root_branches" else 1.0


def _fitting_runs(lengths: npt.NDArray[np.int64], max_length: int) -> list[tuple[int, int]]:
    """(first, one after the last) of the branches that share a part; ``lengths[0]`` is that of the prefix."""
    runs: list[tuple[int, int]] = []
    first, used = 0, int(lengths[0]) - 1  # the last token is no input
    for number, length in enumerate(lengths[1:]):
        if number > first and used + int(length) > max_length:
            runs.append((first, number))
            first, used = number, int(lengths[0]) - 1
        used += int(length)
    return [*runs, (first, len(lengths) - 1)]


def _tokens(draft: _Draft, weight: float, crops: Sequence[Crops] | None, max_length: int | None) -> Tokens:
    """A draft shifted by one and cut where it is too long."""
    weights = np.array(draft.loss[1:], dtype=np.float32) * np.float32(weight)
    length = len(draft.ids) - 1
    if max_length is not None and length > max_length:
        length = _cut(draft, weights, max_length)
    return Tokens(
        input_ids=np.array(draft.ids[:length], dtype=np.int64),
        position_ids=np.array(draft.positions[:length], dtype=np.int64),
        branch_ids=np.array(draft.branches[:length], dtype=np.int64),
        labels=np.array(draft.ids[1 : length + 1], dtype=np.int64),
        loss_weights=weights[:length],
        images=[] if crops is None else [crops[image] for image, _, end in draft.images if end <= length],
    )


def prompt_sequence(
    turns: Sequence[Turn], grids: Sequence[Grids], crops: Sequence[Crops], tokenizer: TextTokenizer
) -> Tokens:
    """A sequence to continue: all tokens kept, no EOS at the end; labels and weights are zero.

    Images go to the ``<|image|>`` placeholders of the user turns, one each, or else to the start.
    """
    if turns and turns[-1].role != "user":
        raise PromptError("a prompt ends with an assistant message; it must end with the user's")
    draft = _draft([list(turns)], grids, tokenizer)
    return Tokens(
        input_ids=np.array(draft.ids, dtype=np.int64),
        position_ids=np.array(draft.positions, dtype=np.int64),
        branch_ids=np.array(draft.branches, dtype=np.int64),
        labels=np.zeros(len(draft.ids), dtype=np.int64),
        loss_weights=np.zeros(len(draft.ids), dtype=np.float32),
        images=[crops[image] for image, _, _ in draft.images],
    )


def _draft(branches: Sequence[Branch], grids: Sequence[Grids], tokenizer: TextTokenizer) -> _Draft:
    inline = _images_inline(branches, len(grids))
    blocks = [image_token_ids(grid, tokenizer.special) for grid in grids]
    draft = _Draft()
    start = draft.add([tokenizer.special.bos], 0, 0)
    if not inline:
        for image, block in enumerate(blocks):
            start = draft.add_image(image, block, 0, start)
    for number, branch in enumerate(branches, start=1):
        _add_branch(draft, branch, number, start, blocks if inline else None, tokenizer)
    return draft


def _images_inline(branches: Sequence[Branch], n_images: int) -> bool:
    """Whether images go to placeholders; how many of those each branch has must fit."""
    counts = [sum(turn.text.count(IMAGE_PLACE) for turn in branch if turn.role == "user") for branch in branches]
    if not any(counts):
        return False
    for count in counts:
        if count != n_images:
            raise PromptError(
                f"the text has {count} {IMAGE_PLACE} placeholder{'s'[: count != 1]}, "
                f"{n_images} {'image was' if n_images == 1 else 'images were'} given",
                fix=f"write one {IMAGE_PLACE} for each image, or none to put all images first",
            )
    return True


def _add_branch(
    draft: _Draft,
    branch: Branch,
    number: int,
    position: int,
    blocks: Sequence[tuple[int, ...]] | None,
    tokenizer: TextTokenizer,
) -> None:
    if not branch or branch[0].role != "user":
        raise PromptError("a conversation must begin with a user message")
    begin = len(draft.ids)
    image = 0
    for turn in branch:
        if turn.role == "assistant":
            position = draft.add([*tokenizer.encode(turn.text), tokenizer.special.eos], number, position, loss=True)
            continue
        pieces = turn.text.split(IMAGE_PLACE) if blocks is not None else [turn.text]
        for place, piece in enumerate(pieces):
            if place and blocks is not None:
                position = draft.add_image(image, blocks[image], number, position)
                image += 1
            position = draft.add(tokenizer.encode(piece), number, position)
        if len(draft.ids) == begin:
            # Its first reply token would be predicted from another branch's end.
            raise PromptError("the first user message is empty", fix="ask something, or give a style tag")


def _cut(draft: _Draft, weights: npt.NDArray[np.float32], max_length: int) -> int:
    """How many inputs to keep, at most ``max_length``; the last one kept predicts a reply token."""
    length = max_length
    for image, first, end in draft.images:
        if first < length < end and draft.branches[first] == 0:
            raise PromptError(
                f"image {image + 1} ends at token {end}, the sequence may have {max_length}",
                fix="raise max_length or lower crop.max_crops; images are never cut",
            )
        if first < length < end:
            length = first
    learned = np.flatnonzero(weights[:length])
    if not len(learned):
        first_reply = int(np.flatnonzero(weights)[0]) + 1 if weights.any() else len(draft.ids)
        raise PromptError(
            f"the first reply begins after {first_reply} tokens of images and prompt, at most {max_length} are allowed",
            fix="raise max_length, lower crop.max_crops or shorten the prompt",
        )
    return int(learned[-1]) + 1


def join_images(examples: Sequence[Tokens], *, once: bool = False) -> dict[str, np.ndarray]:
    """Crops of all examples one after the other (at least one); indices of pooled patches moved accordingly.

    ``crops`` (N, 3, S, S), ``patch_mask`` (N, P), ``pooled_patches`` (M, W) into N*P, -1 kept. ``once``: an object
    that stands in several examples is there once, so that a picture with several questions is looked at once.
    """
    every = [image for tokens in examples for image in tokens.images]
    images: list[Crops] = []
    starts: dict[int, int] = {}
    pooled, before = [], 0
    for image in every:
        start = starts.get(id(image)) if once else None
        if start is None:
            start = starts[id(image)] = before
            before += image.patch_mask.size
            images.append(image)
        pooled.append(np.where(image.pooled_patches >= 0, image.pooled_patches + start, -1))
    return {
        "crops": np.concatenate([image.pixels for image in images]),
        "patch_mask": np.concatenate([image.patch_mask for image in images]),
        "pooled_patches": np.concatenate(pooled),
    }
