"""Example -> prompt and reply text -> token ids, branches, loss weights; the point grammar both ways.

``points`` and ``counts`` write and read points and totals; ``templates`` holds our wordings;
``formatter`` makes branches of messages from annotations; ``tokenizer`` and ``sequence`` make ids,
positions, labels and weights of them; ``processor`` is the one door to all of it, for training,
inference and evaluation alike.
"""

from openmolmo.prompting.counts import read_count
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.prompting.formatter import Formatter, Turn
from openmolmo.prompting.points import read_points, write_points
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.sequence import Tokens, image_token_ids, prompt_sequence, training_sequence
from openmolmo.prompting.tokenizer import TextTokenizer

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
