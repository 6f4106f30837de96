"""The nano model's tokenizer: a byte-level BPE of 4096 tokens, trained on what the generators write.

The words of scenes and clocks need some 1,400 tokens. The others are learnt from ordinary English (Python's own
help pages), so that a user's words and data do not fall apart into letters. It is committed under
``openmolmo/bundled/tokenizer``; this makes it again:

    python -m openmolmo.recipes.tokenizer OUT

The names of things and the words on cards fall into four pieces with it. ``openmolmo/bundled/tokenizer-things``, of as
many tokens, has learnt those too:

    python -m openmolmo.recipes.tokenizer OUT things

That of the micro model has 1024 tokens, learnt from the text of its easy world, and is kept under
``openmolmo/bundled/tokenizer-micro``:

    python -m openmolmo.recipes.tokenizer OUT micro

``openmolmo/bundled/tokenizer-micro-coordinates`` is the same with a token for each coordinate, to compare them with
coordinates in digits:

    python -m openmolmo.recipes.tokenizer OUT micro-coordinates
"""

from __future__ import annotations

import itertools
import pydoc_data.topics
import sys
from collections.abc import Iterator
from pathlib import Path

from openmolmo.core.rng import derive
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.engine.synth.cards.words import WORDS
from openmolmo.engine.synth.icons.catalogue import KINDS
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.prompting.formatter import Formatter
from openmolmo.prompting.tokenizer import TextTokenizer, add_coordinate_tokens, train_bpe

__all__ = [
    "generated_texts",
    "train_coordinate_tokenizer",
    "train_micro_tokenizer",
    "train_nano_tokenizer",
    "train_things_tokenizer",
]

_NAMED = 200
"""How often each name is read beside the examples: a rare thing's name is to be one token too."""

_TEXT_SPLIT = "train"
_SIZE = 64  # the words do not depend on the picture's size, and small pictures are quick


def generated_texts(seed: int = 0, **counts: int) -> Iterator[str]:
    """Prompts and replies as both training stages see them; ``counts`` are examples of each generator."""
    formatters = [
        Formatter(FormatConfig(system_prompt="style_and_length")),
        Formatter(FormatConfig(system_prompt="demo_or_style")),
    ]
    for name, count in counts.items():
        generator = GENERATORS.get(name)
        for index in range(count):
            example = make_example(generator, seed, index, size=_SIZE, split=_TEXT_SPLIT)
            for number, formatter in enumerate(formatters):
                for branch in formatter.branches(example, derive(seed, "tokenizer", number, index)):
                    yield from (turn.text for turn in branch)


def train_nano_tokenizer(out: Path, *, vocab_size: int = 4096, scenes: int = 4000, clocks: int = 1000) -> TextTokenizer:
    """Train on ``scenes`` + ``clocks`` generated examples and save the tokenizer's folder at ``out``."""
    english = pydoc_data.topics.topics.values()
    tokenizer = train_bpe(itertools.chain(generated_texts(scenes=scenes, clocks=clocks), english), vocab_size)
    tokenizer.save_pretrained(out)
    return tokenizer


def train_things_tokenizer(
    out: Path, *, vocab_size: int = 4096, scenes: int = 2500, icons: int = 2500, cards: int = 700, clocks: int = 500
) -> TextTokenizer:
    """Train on generated examples of all of nano's worlds, and every name and word of theirs, into ``out``."""
    english = pydoc_data.topics.topics.values()
    texts = generated_texts(scenes=scenes, icons=icons, cards=cards, clocks=clocks)
    names = (name for kind in KINDS.values() for name in (kind.name, kind.plural, *kind.synonyms))
    said = (f"the {name}" for name in itertools.chain(names, WORDS) for _ in range(_NAMED))
    tokenizer = train_bpe(itertools.chain(texts, said, english), vocab_size)
    tokenizer.save_pretrained(out)
    return tokenizer


def train_micro_tokenizer(out: Path, *, vocab_size: int = 1024, scenes: int = 2000) -> TextTokenizer:
    """Train on ``scenes`` examples of the micro world and save the tokenizer's folder at ``out``."""
    english = pydoc_data.topics.topics.values()
    tokenizer = train_bpe(itertools.chain(generated_texts(micro_scenes=scenes), english), vocab_size)
    tokenizer.save_pretrained(out)
    return tokenizer


def train_coordinate_tokenizer(out: Path) -> TextTokenizer:
    """The micro model's tokenizer with tokens for coordinates, at ``out``."""
    tokenizer = add_coordinate_tokens(train_micro_tokenizer(out))
    tokenizer.save_pretrained(out)
    return tokenizer


_MAKERS = {
    "": train_nano_tokenizer,
    "things": train_things_tokenizer,
    "micro": train_micro_tokenizer,
    "micro-coordinates": train_coordinate_tokenizer,
}

if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or "".join(sys.argv[2:]) not in _MAKERS:
        sys.exit("usage: python -m openmolmo.recipes.tokenizer OUT [things|micro|micro-coordinates]")
    _MAKERS["".join(sys.argv[2:])](Path(sys.argv[1]))
