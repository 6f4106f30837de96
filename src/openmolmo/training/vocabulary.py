"""A model goes on with another tokenizer: its rows follow their tokens.

A tokenizer made before a world was added cuts that world's names into pieces, and a small language model learns to
spell instead of to name. Learning all of the text again for the sake of new tokens would cost hours; most tokens are
in both, and a new one starts from the pieces that it was before.
"""

from __future__ import annotations

import torch
from torch import Tensor

from openmolmo.core.rng import derive_seed
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.tokenizer import TextTokenizer

__all__ = ["move_vocabulary", "same_vocabulary"]


def same_vocabulary(before: TextTokenizer, after: TextTokenizer) -> bool:
    """Whether each id means the same to both."""
    return before.vocabulary == after.vocabulary


def move_vocabulary(model: Molmo, before: TextTokenizer, after: TextTokenizer, seed: int) -> int:
    """Reorder the model's rows of ``before`` to the ids of ``after``; returns how many tokens are new.

    A new token gets the mean of the rows of its pieces, and noise as large as the table's rows: two names that share
    their pieces must not start as one. Both tables, of what is read and of what is said, are moved, where they are
    two. Rows of ids that ``after`` does not know stay.
    """
    known = before.vocabulary
    pieces = {
        place: [known[token]] if token in known else before.encode(after.decode([place], keep_specials=True))
        for token, place in after.vocabulary.items()
    }
    generator = torch.Generator().manual_seed(derive_seed(seed, "vocabulary") % 2**63)
    embedding = model.embedding
    base = embedding.base.num_embeddings
    with torch.no_grad():
        rows = _moved(torch.cat([embedding.base.weight, embedding.extra]), pieces, generator)
        embedding.base.weight.copy_(rows[:base])
        embedding.extra.copy_(rows[base:])
        said = model.get_output_embeddings().weight
        if isinstance(said, Tensor) and said is not embedding.base.weight:
            said.copy_(_moved(said, pieces, generator))
    return sum(token not in known for token in after.vocabulary)


def _moved(table: Tensor, pieces: dict[int, list[int]], generator: torch.Generator) -> Tensor:
    moved, size = table.clone(), table.pow(2).mean().sqrt()
    for place, old in sorted(pieces.items()):
        if place >= len(table) or not (old := [row for row in old if row < len(table)]):
            continue
        moved[place] = table[old].mean(dim=0)
        if len(old) > 1:
            moved[place] += size * torch.randn(table.shape[1], generator=generator).to(table)
    return moved
