"""The settings of how annotations become prompts and replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError
from openmolmo.records.example import ANNOTATION_KINDS
from openmolmo.words.points import PointForm, PointOrder

__all__ = ["DEMO_STYLES", "FormatConfig"]

DEMO_STYLES = ("point_count", "pointing", "user_qa", "long_caption")


@dataclass(frozen=True, kw_only=True)
class FormatConfig(Config):
    """How an annotation is asked and answered (arXiv 2409.17146, sections 2-4, and the released models).

    ``message_format``: ``role`` writes " User: … Assistant:", ``none`` the bare text.
    ``system_prompt``: the tag before a question. ``style``: always "vqa2:". ``demo_or_style``: always,
    but for ``demo_styles`` only with rate ``demo_tag_rate``. ``style_and_length``: always, and captions
    and transcripts carry a length hint ("long_caption 83:").
    ``caption_tag_length``: under ``demo_or_style`` a caption's tag, when it has one, carries the hint too.
    ``caption_tag_rate``: how often captions get their tag under ``demo_or_style`` (None: as other demo styles).
    Length hint: floor((characters + N(0, ``length_hint_sd``)) / ``length_hint_chars``), given with rate
    ``length_hint_rate``; ``default_length`` is the hint at inference (None: "long_caption :").
    ``prompt_templates``: many wordings for captions, pointing and counting; otherwise the plain one
    (for captions under a tag: the tag alone).
    ``point_order``: how the points of a reply are sorted; ``random`` draws an order anew each time (in training).
    ``point_form``: how points are written; for ``tokens`` the tokenizer should have one for each coordinate.
    ``counting``: what a counting reply holds, and in which order; of ``points`` alone the reader counts them.
    ``counted``: where a counting reply points in training: at the things; or, to be compared with, ``anywhere`` as
    often, or ``any_number`` of times from 1 to 10 (before the true total).
    ``option_letters``: letter the options of multiple-choice questions, ``A: cat`` (never those that are
    letters already).
    ``max_points``: pointing and counting with more points than this are not used.
    ``loss_weighting``: ``root_branches`` weights each of an image's n branches by 1/sqrt(n).
    ``kinds``: the annotation kinds used (None: all); of several transcripts one is drawn each time.
    ``max_branches``: at most so many branches of an image, drawn at random.
    """

    message_format: Literal["role", "none"] = "role"
    system_prompt: Literal["none", "style", "demo_or_style", "style_and_length"] = "demo_or_style"
    always_start_with_space: bool = True
    prompt_templates: bool = True
    point_order: PointOrder | Literal["random"] = "xy"
    point_form: PointForm = "tags"
    counting: Literal["point_then_count", "count", "count_then_point", "points"] = "point_then_count"
    counted: Literal["things", "anywhere", "any_number"] = "things"
    demo_styles: tuple[str, ...] = DEMO_STYLES
    demo_tag_rate: float = 0.1
    caption_tag_rate: float | None = None
    caption_tag_length: bool = False
    length_hint_rate: float = 0.9
    length_hint_sd: float = 25.0
    length_hint_chars: float = 15.0
    default_length: int | None = 65
    option_letters: bool = True
    max_points: int = 40
    loss_weighting: Literal["none", "root_branches"] = "root_branches"
    kinds: tuple[str, ...] | None = None
    max_branches: int | None = None
    shuffle_branches: bool = True

    def __post_init__(self) -> None:
        for name in ("demo_tag_rate", "length_hint_rate", "caption_tag_rate"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ConfigError(f"{name}={value} must be between 0 and 1")
        if self.length_hint_sd < 0 or self.length_hint_chars <= 0:
            raise ConfigError(
                f"length_hint_sd={self.length_hint_sd} must be at least 0 and "
                f"length_hint_chars={self.length_hint_chars} above 0"
            )
        if self.max_points < 1 or (self.max_branches is not None and self.max_branches < 1):
            raise ConfigError(f"max_points={self.max_points} and max_branches={self.max_branches} must be at least 1")
        unknown = sorted(set(self.kinds or ()) - set(ANNOTATION_KINDS))
        if unknown:
            raise ConfigError(
                f"kinds holds {', '.join(unknown)}, which is no annotation kind",
                fix=f"known: {', '.join(ANNOTATION_KINDS)}",
            )
