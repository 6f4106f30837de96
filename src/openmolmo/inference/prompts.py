"""A request in the words that the model was trained on, with its pictures, as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openmolmo.core.errors import PromptError
from openmolmo.imaging import CropConfig, Crops, cut_crops, make_plan, open_image
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.sequence import Grids, Tokens, prompt_sequence
from openmolmo.words.requests import ImageSource, Request

__all__ = ["DESCRIPTIONS", "Picture", "Prompt", "make_prompt", "read_pictures", "room_after", "wording_of"]

DESCRIPTIONS = ("long_caption", "transcript")
"""Styles that ask for a description."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture cut into crops, its token grids, and its (width, height) in pixels."""

    size: tuple[int, int]
    grids: Grids
    crops: Crops


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model reads, and the (width, height) of each picture in it."""

    tokens: Tokens
    sizes: tuple[tuple[int, int], ...] = ()


def read_pictures(
    processor: Processor, sources: Sequence[ImageSource], max_crops: int | None = None
) -> tuple[Picture, ...]:
    """Open and cut pictures; ``max_crops`` instead of the number the model was trained with.

    Raises ImageError, which names the picture, where one cannot be read; ConfigError for ``max_crops`` below 1.
    """
    crop = processor.crop if max_crops is None else processor.crop.replace(max_crops=max_crops)
    several = len(sources) > 1
    return tuple(
        _read(processor, source, crop, f"picture {place}" if several and not isinstance(source, str | Path) else None)
        for place, source in enumerate(sources, start=1)
    )


def _read(processor: Processor, source: ImageSource, crop: CropConfig, name: str | None) -> Picture:
    image = open_image(source, name=name)
    height, width = image.shape[:2]
    plan = make_plan(width, height, crop)
    return Picture((width, height), plan.token_grids, cut_crops(image, plan, crop, mode=processor.resize_mode))


def wording_of(processor: Processor, request: Request) -> str:
    """The request in the words and with the tags that this model was trained on."""
    settings, style = processor.format, request.style
    if style in DESCRIPTIONS and not request.text:
        return processor.caption_text(request.length_hint, style=style)
    untagged = settings.system_prompt == "none" or (
        settings.system_prompt == "demo_or_style" and style in settings.demo_styles
    )
    if style is None or untagged:
        return request.text
    return f"{processor.formatter.tag(style, request.length_hint)} {request.text}"


def make_prompt(processor: Processor, texts: Sequence[str], pictures: Sequence[Picture]) -> Prompt:
    """Texts of user and assistant in turn, the user's first and last.

    Raises PromptError where the texts end with the assistant's, or their placeholders do not fit the pictures.
    """
    if len(texts) % 2 == 0:
        raise PromptError(
            f"a conversation of {len(texts)} texts ends with the assistant's",
            fix="history holds questions and replies in turn, as many of the one as of the other",
        )
    turns = processor.formatter.turns(texts)
    grids, crops = [picture.grids for picture in pictures], [picture.crops for picture in pictures]
    return Prompt(
        prompt_sequence(turns, grids, crops, processor.tokenizer), tuple(picture.size for picture in pictures)
    )


def room_after(prompt: Prompt, context: int, wanted: int) -> int:
    """How many tokens of ``wanted`` may follow a prompt in a context of so many tokens.

    Raises PromptError, which has both numbers, where the prompt alone fills it.
    """
    length = len(prompt.tokens)
    if length >= context:
        raise PromptError(
            f"the prompt takes {length} tokens, the model's context has {context}",
            fix="ask with fewer pictures, a smaller max_crops, a shorter text, or begin a new conversation",
        )
    return min(wanted, context - length)
