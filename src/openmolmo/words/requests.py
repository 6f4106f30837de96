"""What is asked of a model: words and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from openmolmo.core.errors import ConfigError, PromptError
from openmolmo.words.templates import wording

__all__ = [
    "ImageSource",
    "Request",
    "as_images",
    "ask_request",
    "caption_request",
    "count_request",
    "is_description",
    "point_request",
]

ImageSource = bytes | str | Path | Image.Image | np.ndarray
"""A picture: encoded bytes, a path, a PIL picture, or an array (H, W, 3) uint8 RGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to a model.

    ``style`` says what kind of question it is (``long_caption``, ``pointing``, ``vqa2``, ...): the model's
    processor adds the tag it was trained with, and words descriptions where ``text`` is empty.
    ``length_hint``: wanted length of a description (about 0-100). ``max_new_tokens``: fewer than
    the predictor's own limit, if given. ``max_crops``: into how many crops a picture is cut, instead of as
    many as in training; 36 lets a model trained with 12 read documents (arXiv 2409.17146, appendix).
    ``stop``: texts at which a reply ends, themselves left out. ``history``: what was said before, question
    and reply in turn. ``seed``: of its own draws, where there are any; by default its place among the
    requests. Pictures go to ``<|image|>`` where the texts have that, one each, or else to the start.
    """

    text: str = ""
    images: tuple[ImageSource, ...] = ()
    style: str | None = None
    length_hint: int | None = None
    max_new_tokens: int | None = None
    max_crops: int | None = None
    stop: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_new_tokens", "max_crops"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name}={value} must be at least 1")
        if "" in self.stop:
            raise ConfigError("a stop string is empty", fix="it would end every reply before its first letter")
        if len(self.history) % 2:
            raise PromptError(
                f"history has {len(self.history)} texts", fix="it holds questions and replies in turn, an even number"
            )

    @property
    def describes(self) -> bool:
        """Whether a description is asked for: a length means one where no style is named."""
        return is_description(self.style) or (self.style is None and self.length_hint is not None)


def is_description(style: str | None) -> bool:
    """Whether a style asks for a description: ``long_caption``, ``short_caption``, ``transcript`` …"""
    return style is not None and style.endswith(("caption", "transcript"))


def ask_request(images: ImageSource | Sequence[ImageSource] | None, text: str, style: str | None = None) -> Request:
    """A question about one picture, about several shown in order, or (None) about none."""
    return Request(text=_said(text), images=as_images(images), style=style)


def caption_request(image: ImageSource, length: int | None = None) -> Request:
    """A description of about ``length`` times 15 characters; None: the length the model was trained to give."""
    return Request(images=(image,), style="long_caption", length_hint=length)


def point_request(image: ImageSource, label: str) -> Request:
    """Point to every ``label``."""
    return Request(text=wording("pointing", label=_said(label).lower()), images=(image,), style="pointing")


def count_request(image: ImageSource, label: str) -> Request:
    """Count every ``label`` by pointing."""
    return Request(text=wording("counting", label=_said(label).lower()), images=(image,), style="point_count")


def as_images(images: ImageSource | Sequence[ImageSource] | None) -> tuple[ImageSource, ...]:
    """One picture, several or none, as a tuple."""
    if images is None:
        return ()
    if isinstance(images, bytes | str | Path | Image.Image | np.ndarray):
        return (images,)
    return tuple(images)


def _said(text: str) -> str:
    if not text.strip():
        raise PromptError("the text is empty", fix='say what to ask or look for, e.g. "red star"')
    return text.strip()
