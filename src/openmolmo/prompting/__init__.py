"""Example -> prompt and reply text -> token ids, branches, loss weights.

``formatter`` makes branches of messages from annotations; ``tokenizer`` and ``sequence`` make ids, positions,
labels and weights of them; ``processor`` is the one door to all of it, for training, inference and evaluation
alike. The point grammar and our wordings are in :mod:`openmolmo.words`. A name is imported when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openmolmo.prompting.format_config import FormatConfig
    from openmolmo.prompting.formatter import Formatter, Turn
    from openmolmo.prompting.processor import Processor
    from openmolmo.prompting.sequence import Tokens, image_token_ids, prompt_sequence, training_sequence
    from openmolmo.prompting.tokenizer import TextTokenizer
    from openmolmo.words.counts import read_count
    from openmolmo.words.points import read_points, write_points

_HOMES = {
    "openmolmo.prompting.format_config": ("FormatConfig",),
    "openmolmo.prompting.formatter": ("Formatter", "Turn"),
    "openmolmo.prompting.processor": ("Processor",),
    "openmolmo.prompting.sequence": ("Tokens", "image_token_ids", "prompt_sequence", "training_sequence"),
    "openmolmo.prompting.tokenizer": ("TextTokenizer",),
    "openmolmo.words.counts": ("read_count",),
    "openmolmo.words.points": ("read_points", "write_points"),
}

__all__ = [
    "FormatConfig",
    "Formatter",
    "Processor",
    "TextTokenizer",
    "Tokens",
    "Turn",
    "image_token_ids",
    "prompt_sequence",
    "read_count",
    "read_points",
    "training_sequence",
    "write_points",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
