"""An example's annotations -> branches of messages, ready to be tokenised.

Pointing("cup", ((1, 2),))  ->  [Turn("user", " User: Point to cup. Assistant:"),
                                 Turn("assistant", ' <point x="1.0" y="2.0" alt="cup">cup</point>')]
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from openmolmo.core.errors import PromptError
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.prompting.replies import description_request, render_turns
from openmolmo.records.example import Annotation, Caption, Example, Transcript
from openmolmo.words.requests import is_description

__all__ = ["UNTAGGED_STYLES", "Branch", "Formatter", "Turn"]

UNTAGGED_STYLES = ("android_control", "demo")
"""Styles without a tag under ``demo_or_style``, as in the released models: their questions bring their own."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message with its role's markup, as it is tokenised; assistant turns carry loss and end with EOS."""

    role: Literal["user", "assistant"]
    text: str


Branch = list[Turn]


class Formatter:
    """Writes annotations and questions the way the model is trained to read and answer them."""

    def __init__(self, config: FormatConfig) -> None:
        self.config = config

    # -------------------------------------------------------------------------------- training

    def branches(self, example: Example, rng: np.random.Generator) -> list[Branch]:
        """The example's annotations as branches: chosen, worded, tagged and (if configured) shuffled.

        Raises PromptError when no annotation of the example can be used under this configuration.
        """
        chosen = self._choose(example.annotations, rng)
        worded = [branch for annotation in chosen if (branch := self.branch(annotation, rng)) is not None]
        if not worded:
            raise PromptError(
                f"example {example.id!r} has no annotation to train on: it has "
                f"{_kinds(example.annotations)}, used are {', '.join(self.config.kinds or ('all kinds',))} "
                f"with at most {self.config.max_points} points",
                fix="leave the example out, or widen format.kinds or format.max_points",
            )
        limit = self.config.max_branches
        if limit is not None and len(worded) > limit:
            worded = [worded[int(i)] for i in np.sort(rng.choice(len(worded), limit, replace=False))]
        if self.config.shuffle_branches and len(worded) > 1:
            worded = [worded[int(i)] for i in rng.permutation(len(worded))]
        return worded

    def _choose(self, annotations: Sequence[Annotation], rng: np.random.Generator) -> list[Annotation]:
        kinds = self.config.kinds
        kept = [a for a in annotations if kinds is None or a.kind in kinds]
        transcripts = [a for a in kept if isinstance(a, Transcript)]
        if len(transcripts) > 1:  # one of them, another one each time
            drawn = transcripts[int(rng.integers(len(transcripts)))]
            kept = [a for a in kept if not isinstance(a, Transcript) or a is drawn]
        return kept

    def branch(self, annotation: Annotation, rng: np.random.Generator | None) -> Branch | None:
        """One annotation as a branch, or None when it is not to be used (too many points).

        Without ``rng`` nothing is drawn: plain wordings, no tag that comes by chance, the length of inference.
        """
        texts = render_turns(annotation, self.config, rng)
        if texts is None:
            return None
        tag = self._tag(annotation, rng)
        return self.turns([_join(tag, texts[0]), *texts[1:]])

    def _tag(self, annotation: Annotation, rng: np.random.Generator | None) -> str:
        """What stands before the question: nothing, ``vqa2:``, ``long_caption 83:`` or ``long_caption :``."""
        mode = self.config.system_prompt
        if mode == "none" or (mode == "demo_or_style" and annotation.style in UNTAGGED_STYLES):
            return ""
        if mode == "demo_or_style" and annotation.style in self.config.demo_styles:
            rate = self.config.demo_tag_rate
            if isinstance(annotation, Caption) and self.config.caption_tag_rate is not None:
                rate = self.config.caption_tag_rate
            if rng is None or rng.random() >= rate:
                return ""
        if isinstance(annotation, (Caption, Transcript)) and self._takes_length(annotation.style):
            return self.tag(annotation.style, self._hint(annotation.text, rng), hinted=True)
        return self.tag(annotation.style)

    def _hint(self, text: str, rng: np.random.Generator | None) -> int | None:
        if rng is None:
            return self.config.default_length
        if rng.random() >= self.config.length_hint_rate:
            return None
        characters = len(text) + rng.normal(0.0, self.config.length_hint_sd)
        return max(0, math.floor(characters / self.config.length_hint_chars))

    # -------------------------------------------------------------------------------- inference

    @staticmethod
    def tag(style: str, length: int | None = None, *, hinted: bool = False) -> str:
        """``vqa2:``; with a length ``long_caption 65:``; ``hinted`` without a length ``long_caption :``."""
        if length is not None:
            return f"{style} {length}:"
        return f"{style} :" if hinted else f"{style}:"

    def question(self, text: str, style: str | None = None, length: int | None = None) -> str:
        """A question of a style in the words and with the tag that this model was trained on.

        Without ``text`` a description is asked for, in the plain wording. Styles of ``demo_styles`` have no tag, as
        most of them had none. Raises PromptError for a ``length`` where descriptions carried none in training.
        """
        config = self.config
        hinted = style is not None and self._takes_length(style)
        if length is not None and not hinted:
            raise PromptError(f"length hint {length} is given, {self._no_length(style)}", fix="leave the length out")
        if style is None:
            return text
        if not text:
            text = description_request("transcript" if style == "transcript" else "caption", config, None)
        if hinted:
            return _join(self.tag(style, config.default_length if length is None else length, hinted=True), text)
        mostly_bare = config.system_prompt == "demo_or_style" and style in (*config.demo_styles, *UNTAGGED_STYLES)
        return text if mostly_bare or config.system_prompt == "none" else _join(self.tag(style), text)

    def _takes_length(self, style: str) -> bool:
        """Whether the tag of this style carries a length: that of descriptions, where training wrote one."""
        mode = self.config.system_prompt
        measured = mode == "style_and_length" or (mode == "demo_or_style" and self.config.caption_tag_length)
        return measured and is_description(style)

    def _no_length(self, style: str | None) -> str:
        if not is_description(style):
            return f"style {style} is no description"
        return (
            "but this model was trained without lengths of descriptions "
            f"(system_prompt={self.config.system_prompt!r}, caption_tag_length={self.config.caption_tag_length})"
        )

    def turns(self, texts: Iterable[str]) -> list[Turn]:
        """Bare texts, user first and in turn, as turns with their roles' markup."""
        marked = []
        for place, text in enumerate(texts):
            space = " " if place > 0 or self.config.always_start_with_space else ""
            if place % 2:
                marked.append(Turn("assistant", f" {text}"))
            elif self.config.message_format == "role":
                marked.append(Turn("user", f"{space}User: {text} Assistant:"))
            else:
                marked.append(Turn("user", f"{space}{text}"))
        return marked


def _join(tag: str, text: str) -> str:
    return f"{tag} {text}" if tag and text else tag or text


def _kinds(annotations: Sequence[Annotation]) -> str:
    return ", ".join(sorted({a.kind for a in annotations})) or "none"
