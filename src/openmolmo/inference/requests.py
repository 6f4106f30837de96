"""What is asked of a model: words and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from openmolmo.core.errors import PromptError
from openmolmo.prompting.templates import wording

__all__ = ["ImageSource", "Request", "ask_request", "caption_request", "count_request", "point_request"]

ImageSource = bytes | str | Path | Image.Image | np.ndarray
"""A picture: encoded bytes, a path, a PIL picture, or an array (H, W, 3) uint8 RGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to a model.

    ``style`` says what kind of question it is (``long_caption``, ``pointing``, ``vqa2``, ...): the model's
    processor adds the tag it was trained with, and words descriptions where ``text`` is empty.
    ``length_hint``: wanted length of a description (about 0-100). ``max_new_tokens``: fewer than
    the predictor's own limit, if given.
    """

    text: str = ""
    images: tuple[ImageSource, ...] = ()
    style: str | None = None
    length_hint: int | None = None
    max_new_tokens: int | None = None


def ask_request(images: ImageSource | list[ImageSource], text: str, style: str | None = None) -> Request:
    """A question about one picture, or about several shown in order."""
    return Request(text=_said(text), images=tuple(images) if isinstance(images, list) else (images,), style=style)


def caption_request(image: ImageSource, length: int | None = None) -> Request:
    """A description of about ``length`` times 15 characters; None: the length the model was trained to give."""
    return Request(images=(image,), style="long_caption", length_hint=length)


def point_request(image: ImageSource, label: str) -> Request:
    """Point to every ``label``."""
    return Request(text=wording("pointing", label=_said(label).lower()), images=(image,), style="pointing")


def count_request(image: ImageSource, label: str) -> Request:
    """Count every ``label`` by pointing."""
    return Request(text=wording("counting", label=_said(label).lower()), images=(image,), style="point_count")


def _said(text: str) -> str:
    if not text.strip():
        raise PromptError("the text is empty", fix='say what to ask or look for, e.g. "red star"')
    return text.strip()
