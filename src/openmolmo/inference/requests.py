"""Where these names were before :mod:`openmolmo.words.requests`; kept for programs that import them from here."""

from openmolmo.words.requests import (
    ImageSource,
    Request,
    as_images,
    ask_request,
    caption_request,
    count_request,
    is_description,
    point_request,
)

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
