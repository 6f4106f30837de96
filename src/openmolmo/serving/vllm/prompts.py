"""Conversations and pictures as vLLM takes them: ids with one token a picture, and what each of these stands for.

BOS <|image|> User: … Assistant:                      from messages, before the pictures are read
BOS <im_start>…<im_end> User: … Assistant:            what vLLM makes of it: :func:`picture_ids` in that place
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from openmolmo.core.errors import PromptError
from openmolmo.imaging import CropConfig, CropPlan, make_plan
from openmolmo.inference.hf.messages import read_conversation
from openmolmo.model.find import find_model
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.released import load_processor
from openmolmo.prompting.sequence import Grids, image_token_ids, prompt_sequence
from openmolmo.prompting.tokenizer import SpecialIds

__all__ = ["chat_ids", "largest_picture", "picture_ids", "processor_of"]

_NO_ROWS: Grids = ((0, 0),)
"""The grid of a picture that nobody has looked at; it becomes <im_start> <im_end>."""

_INSTRUCTIONS = ("system", "developer")


@lru_cache(maxsize=4)
def processor_of(model: str, revision: str | None = None) -> Processor:
    """The processor of a model folder or hub repository in any layout that vLLM can load.

    Raises:
        CheckpointError: files are missing or cannot be read.
    """
    folder = Path(model)
    return load_processor(folder if folder.is_dir() else find_model(f"{model}@{revision}" if revision else model))


def chat_ids(
    processor: Processor,
    messages: Sequence[Mapping[str, Any]],
    *,
    style: str | None = None,
    length_hint: int | None = None,
    go_on: bool = False,
) -> list[int]:
    """Ids of a conversation, one ``<|image|>`` a picture; everything that people wrote is plain text.

    Args:
        processor: of the model.
        messages: in the library's form; the pictures themselves may be left out. Instructions (``system``,
            ``developer``) go in front of the next question.
        style: words and tags the last question, as ``length_hint`` does.
        length_hint: see :meth:`Processor.prompt`.
        go_on: the last message is the beginning of the reply.

    Raises:
        PromptError: roles do not take turns, or ``<|image|>`` in the text and pictures differ in number.
    """
    chat = read_conversation([_known(message) for message in _with_instructions(messages)])
    texts = list(chat.texts)
    begun = texts.pop() if go_on else None
    if len(texts) % 2 == 0:
        raise PromptError(f"there are {len(texts)} messages to reply to", fix="the last one must be the user's")
    texts[-1] = processor.question(texts[-1], style=style, length_hint=length_hint)
    unread: list[Any] = [None] * len(chat.images)
    turns = processor.formatter.turns(texts)
    tokens = prompt_sequence(turns, [_NO_ROWS] * len(unread), unread, processor.tokenizer)
    ids = _one_a_picture(tokens.input_ids.tolist(), processor.tokenizer.special)
    return ids if begun is None else [*ids, *processor.tokenizer.encode(f" {begun}")]


def picture_ids(grids: Grids, special: SpecialIds) -> list[int]:
    """What a picture with these token grids takes in a prompt; its features belong to the ``<im_patch>``."""
    return list(image_token_ids(grids, special))


@lru_cache(maxsize=16)
def largest_picture(crop: CropConfig) -> CropPlan:
    """The plan of a picture that takes the most tokens that any picture can take."""
    sides = range(1, crop.max_crops + 1)
    sizes = [(a, b) for a, b in itertools.product(sides, sides) if a * b <= crop.max_crops]
    plans = [make_plan(*(n * crop.stride + crop.margin_pixels for n in size), crop) for size in sizes]
    return max(plans, key=lambda plan: plan.n_sequence_tokens)


def _one_a_picture(ids: Sequence[int], special: SpecialIds) -> list[int]:
    return [special.image if token == special.im_start else token for token in ids if token != special.im_end]


def _with_instructions(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Messages of user and assistant alone; released models know no other role."""
    kept: list[Mapping[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    for message in messages:
        content = message.get("content") or []
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        if message.get("role") in _INSTRUCTIONS:
            waiting += [*parts, {"type": "text", "text": "\n"}]
        elif message.get("role") == "user" and waiting:
            pictures = list(itertools.takewhile(lambda part: part.get("type") != "text", parts))
            kept.append({**message, "content": [*pictures, *waiting, *parts[len(pictures) :]]})
            waiting = []
        else:
            kept.append({**message, "content": parts})
    return kept


def _known(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message with something in the place of each picture, which vLLM keeps elsewhere."""
    parts = [part if part.get("type") == "text" else {"type": "image", "image": True} for part in message["content"]]
    return {**message, "content": parts}
