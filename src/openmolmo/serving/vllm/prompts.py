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
from openmolmo.imaging import CropConfig, CropPlan, Grids, make_plan
from openmolmo.inference.hf.messages import read_conversation
from openmolmo.model.find import find_model
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.released import load_processor
from openmolmo.prompting.sequence import image_token_ids, prompt_sequence
from openmolmo.prompting.tokenizer import IMAGE_PLACE, SpecialIds

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
            ``developer``) go in front of the next question, and messages of one side in a row are one.
        style: words and tags the last question, as ``length_hint`` does.
        length_hint: see :meth:`Processor.prompt`.
        go_on: the last message is the beginning of the reply.

    Raises:
        PromptError: the last message is not the user's (with ``go_on``: the assistant's), or a text holds
            ``<|image|>``.
    """
    chat = read_conversation(_in_turn(messages))
    texts = list(chat.texts)
    if len(texts) % 2 == go_on:
        wanted = "the assistant's, whose reply is continued" if go_on else "the user's"
        raise PromptError(f"the last of {len(texts)} turns is not {wanted}", fix="end with it")
    begun = texts.pop() if go_on else None
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


def _in_turn(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages of user and assistant in turn, as released models know them.

    Instructions stand before the user's next words; messages of one side in a row are one.
    """
    turns: list[dict[str, Any]] = []
    told: list[str] = []
    for message in messages:
        role, parts = message.get("role"), _parts(message.get("content"))
        if role in _INSTRUCTIONS:
            told += [part["text"] for part in parts if part["type"] == "text"]
            continue
        if told and role == "user":
            before = next((place for place, part in enumerate(parts) if part["type"] == "text"), len(parts))
            parts.insert(before, _text("\n".join((*told, ""))))
            told = []
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += [_text("\n"), *parts]
        else:
            turns.append({"role": role, "content": parts})
    if told and turns and turns[-1]["role"] == "user":
        turns[-1]["content"].append(_text("\n".join(("", *told))))
    elif told and turns:
        turns.append({"role": "user", "content": [_text("\n".join(told))]})
    return turns


def _parts(content: Any) -> list[dict[str, Any]]:
    """A message's parts, with something in the place of each picture, which vLLM keeps elsewhere."""
    given = [_text(content)] if isinstance(content, str) else [dict(part) for part in content or ()]
    for part in given:
        if part.get("type") == "text" and IMAGE_PLACE in part["text"]:
            raise PromptError(
                f"the text holds {IMAGE_PLACE}, the sign of a picture's place", fix="send the picture as a part"
            )
    return [part if part.get("type") == "text" else {"type": "image", "image": True} for part in given]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
