"""What the points in a batch say about its tokens, from the batch alone.

Letters: B rows, T tokens of a row, Q tokens that are about to write a coordinate, M image tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from openmolmo.model.mask import mask_rule
from openmolmo.prompting.tokenizer import TextTokenizer
from openmolmo.words.points import read_points

__all__ = ["PLACES", "Looks", "Places", "Points", "places_of", "points_of"]

PLACES = 20
"""Parts of the width and of the height that a place is told in, as the encoder's stages tell places in a crop."""

_REACH = 0.75
"""How far from the centre of an image token, in its own widths, a point may be that it shows: a little over its edge,
for what is pointed at is larger than a point."""

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Places:
    """Where image tokens are: ``rows``, ``positions`` (M,) in the batch, ``across``, ``down`` (M,) in 0 .. PLACES-1."""

    rows: Tensor
    positions: Tensor
    across: Tensor
    down: Tensor


@dataclass(frozen=True, slots=True)
class Looks:
    """Tokens that are to look at something: ``rows``, ``positions`` (Q,) int64, ``shown`` (Q, T) bool the image tokens
    that show it, ``visible`` (Q, T) bool all that they see."""

    rows: Tensor
    positions: Tensor
    shown: Tensor
    visible: Tensor


@dataclass(frozen=True, slots=True)
class Points:
    """The points that replies write.

    ``written``: the tokens that predict a part of a coordinate; they look at its point. ``digits`` (Q, 4) int64: tens
    and ones of its x and y in whole percent, ``point`` (Q,) int64: its number in the batch. ``asked``: the last token
    of a name in a question, which looks at all points that the reply writes for it; None where no question names them.
    ``name`` (Q,) int64: the position of that token for each of ``written``, -1 where there is none; ``only``
    (A,) int64: the number of the point that a name in ``asked`` is of, -1 where it is of several.
    """

    written: Looks
    digits: Tensor
    point: Tensor
    name: Tensor
    asked: Looks | None
    only: Tensor


@dataclass(frozen=True, slots=True)
class _Grid:
    """The image tokens of one view of a whole picture: ``at`` (rows, columns) positions, and the picture's edges in it,
    in tokens: left, right, top, bottom."""

    at: _Ints
    edges: tuple[float, ...]

    def places(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Centres of its columns and rows, 0-1 in the picture."""
        left, right, top, bottom = self.edges
        columns = (np.arange(self.at.shape[1]) + 0.5 - left) / (right - left)
        rows = (np.arange(self.at.shape[0]) + 0.5 - top) / (bottom - top)
        return columns.clip(0, 1 - 1e-6), rows.clip(0, 1 - 1e-6)

    def showing(self, x: float, y: float) -> _Ints:
        """Positions of the tokens that show a point (0-1)."""
        left, right, top, bottom = self.edges
        columns = np.arange(self.at.shape[1]) + 0.5 - (left + x * (right - left))
        rows = np.arange(self.at.shape[0]) + 0.5 - (top + y * (bottom - top))
        chosen = self.at[np.ix_(np.abs(rows) <= _REACH, np.abs(columns) <= _REACH)]
        return chosen.reshape(-1)


def places_of(tensors: Mapping[str, Tensor], tokenizer: TextTokenizer) -> Places | None:
    """The place of each image token of a collated batch (on the processor), padding's at its nearest edge."""
    found: list[list[_Ints]] = [[], [], [], []]
    for row, grids in enumerate(_grids(tensors, tokenizer)):
        for grid in grids:
            x, y = grid.places()
            shape = grid.at.shape
            values = (
                np.full(shape, row),
                grid.at,
                np.broadcast_to((x * PLACES).astype(np.int64)[None], shape),
                np.broadcast_to((y * PLACES).astype(np.int64)[:, None], shape),
            )
            for many, value in zip(found, values, strict=True):
                many.append(value.reshape(-1))
    if not found[0]:
        return None
    return Places(*(torch.from_numpy(np.concatenate(many)) for many in found))


def points_of(tensors: Mapping[str, Tensor], tokenizer: TextTokenizer, views: int) -> Points | None:
    """The points that the replies of a collated batch (on the processor) write, or None where there are none.

    ``views``: how many grids of image tokens a picture has. Examples of several pictures are passed over.
    """
    ids, examples, branches, weights = (
        tensors[name].numpy() for name in ("input_ids", "example_ids", "branch_ids", "loss_weights")
    )
    pieces = _pieces(tokenizer)
    written, asked = _Found(), _Found()
    digits: list[tuple[int, ...]] = []
    numbers: list[int] = []
    names: list[int] = []
    only: list[int] = []
    for row, grids in enumerate(_grids(tensors, tokenizer)):
        for span in _branches(examples[row], branches[row]):
            example, branch = examples[row, span[0]], branches[row, span[0]]
            mine = [
                grid
                for grid in grids
                if examples[row, grid.at[0, 0]] == example and branches[row, grid.at[0, 0]] in (0, branch)
            ]
            if len(mine) != views:
                continue
            learnt = weights[row, span] > 0
            for group in _groups([pieces[token] for token in ids[row, span]], learnt):
                whole = np.zeros(ids.shape[1], bool)
                for place, writing in group.points:
                    mask = np.zeros(ids.shape[1], bool)
                    for grid in mine:
                        mask[grid.showing(*place)] = True
                    whole |= mask
                    at = [int(span[k - 1]) for k in writing if k and learnt[k - 1]]
                    written.add(row, at, mask)
                    percent = [min(int(value * 100 + 1e-6), 99) for value in place]
                    digits += [tuple(digit for value in percent for digit in divmod(value, 10))] * len(at)
                    numbers += [numbers[-1] + 1 if numbers else 0] * len(at)
                    names += [-1 if group.name is None else int(span[group.name])] * len(at)
                if group.name is not None and group.points:
                    asked.add(row, [int(span[group.name])], whole)
                    only.append(numbers[-1] if len(group.points) == 1 else -1)
    if not written.rows:
        return None
    return Points(
        written.looks(examples, branches),
        torch.tensor(digits),
        torch.tensor(numbers),
        torch.tensor(names),
        asked.looks(examples, branches) if asked.rows else None,
        torch.tensor(only, dtype=torch.int64),
    )


class _Found:
    """Tokens that are to look at something, as they are found."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.positions: list[int] = []
        self.shown: list[_Mask] = []

    def add(self, row: int, positions: Sequence[int], shown: _Mask) -> None:
        self.rows += [row] * len(positions)
        self.positions += positions
        self.shown += [shown] * len(positions)

    def looks(self, examples: _Ints, branches: _Ints) -> Looks:
        rows, at = torch.tensor(self.rows), torch.tensor(self.positions)
        rule = mask_rule(torch.from_numpy(examples), torch.from_numpy(branches), torch.empty(0))  # without a window
        visible = rule(rows[:, None], torch.empty(0), at[:, None], torch.arange(examples.shape[1])[None])
        return Looks(rows, at, torch.from_numpy(np.stack(self.shown)), visible)


@dataclass(frozen=True, slots=True)
class _Group:
    """Points of one element: each with its place (0-1) and the numbers of the tokens that hold some of its
    coordinates; ``name``: the token that ends its label in the question."""

    points: list[tuple[tuple[float, float], list[int]]]
    name: int | None


def _groups(pieces: Sequence[str], learnt: npt.NDArray[np.bool_]) -> Iterator[_Group]:
    """The groups of points in a branch made of ``pieces``, those that are ``learnt``."""
    ends = np.cumsum([len(piece) for piece in pieces])
    starts = ends - [len(piece) for piece in pieces]
    text = "".join(pieces)
    for group in read_points(text):
        points = []
        for point, spans in zip(group.points, group.written, strict=True):
            holds = np.zeros(len(pieces), bool)
            for first, last in spans:
                holds |= (ends > first) & (starts < last)
            writing = np.flatnonzero(holds)
            if len(writing) and writing[0] and learnt[writing - 1].any():
                points.append(((point.x / 100, point.y / 100), writing.tolist()))
        if not points:
            continue
        # Before the reply: whose first token is predicted by the first one that is learnt behind the question.
        first = points[0][1][0]
        while first and learnt[first - 1]:
            first -= 1
        place = text.lower().rfind(group.label.lower(), 0, int(starts[first])) if group.label else -1
        last = place + len(group.label)
        found = np.flatnonzero((starts < last) & (ends >= last) & (place >= 0))
        yield _Group(points, int(found[0]) if len(found) else None)


def _branches(examples: _Ints, branches: _Ints) -> Iterator[_Ints]:
    """Positions of each branch in a row, the prefix and padding left out."""
    changes = np.flatnonzero((np.diff(examples) != 0) | (np.diff(branches) != 0)) + 1
    for span in np.split(np.arange(len(examples)), changes):
        if examples[span[0]] >= 0 and branches[span[0]] > 0:
            yield span


def _grids(tensors: Mapping[str, Tensor], tokenizer: TextTokenizer) -> Iterator[list[_Grid]]:
    """For each row its grids of image tokens."""
    ids, pooled = tensors["input_ids"].numpy(), tensors["pooled_patches"].numpy()
    special, window = tokenizer.special, max(pooled.shape[1], 1)
    pool = math.isqrt(window)
    real = np.zeros((ids.size, window))
    if len(pooled):
        shares = tensors["patch_mask"].numpy().reshape(-1)
        real[ids.reshape(-1) == special.im_patch] = np.where(pooled < 0, 0, shares[pooled.clip(0)])
    for row, shares in zip(ids, real.reshape(*ids.shape, window), strict=True):
        grids = []
        starts, stops = np.flatnonzero(row == special.im_start), np.flatnonzero(row == special.im_end)
        for start in starts:
            end = stops[stops > start][:1]
            if not len(end):
                continue
            columns = int(np.argmax(row[start + 1 : end[0] + 1] == special.im_col))
            at = start + 1 + np.flatnonzero(row[start + 1 : end[0]] == special.im_patch)
            if columns and len(at) % columns == 0:
                at = at.reshape(-1, columns)
                # By patches: of tokens an outer one alone may be padding in part, and so may all of them.
                cover = shares[at].reshape(*at.shape, pool, pool).transpose(0, 2, 1, 3).reshape(len(at) * pool, -1)
                sides = (_edges(cover.max(axis=side)) for side in (0, 1))
                grids.append(_Grid(at, tuple(edge / pool for edges in sides for edge in edges)))
        yield grids


def _edges(shares: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Where the picture begins and ends along a side of a grid, in patches, from how much of each is not padding."""
    real = np.flatnonzero(shares > 0)
    if not len(real):
        return 0.0, float(len(shares))
    first, last = real[0], real[-1]
    if first == last:
        return float(first), float(last + 1)
    return float(first + 1 - shares[first]), float(last + shares[last])


@lru_cache(maxsize=4)
def _pieces(tokenizer: TextTokenizer) -> list[str]:
    """The text of each token by itself; of one that stands for more than text, something that no point has in it."""
    special = tokenizer.special
    apart = {
        special.eos,
        special.bos,
        special.im_start,
        special.im_end,
        special.im_patch,
        special.im_col,
        special.image,
    }
    return ["\n" if place in apart else tokenizer.decode([place]) for place in range(tokenizer.size)]
