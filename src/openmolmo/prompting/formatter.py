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
from openmolmo.records.example import Annotation, Caption, Counting, Example, Pointing, Transcript
from openmolmo.words.requests import DESCRIPTIONS

__all__ = ["Branch", "Formatter", "Turn"]


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

    def usable(self, example: Example) -> bool:
        """Whether :meth:`branches` would give at least one branch."""
        kept = [a for a in example.annotations if self.config.kinds is None or a.kind in self.config.kinds]
        limit = self.config.max_points
        return any(not isinstance(a, (Pointing, Counting)) or len(a.points) <= limit for a in kept)

    def _choose(self, annotations: Sequence[Annotation], rng: np.random.Generator) -> list[Annotation]:
        kinds = self.config.kinds
        kept = [a for a in annotations if kinds is None or a.kind in kinds]
        transcripts = [a for a in kept if isinstance(a, Transcript)]
        if len(transcripts) > 1:  # one of them, another one each time
            drawn = transcripts[int(rng.integers(len(transcripts)))]
            kept = [a for a in kept if not isinstance(a, Transcript) or a is drawn]
        return kept

    def branch(self, annotation: Annotation, rng: np.random.Generator | None) -> Branch | None:
        """One annotation as a branch, or None when it is not to be used (too many points)."""
        texts = render_turns(annotation, self.config, rng)
        if texts is None:
            return None
        tag = self._tag(annotation, rng)
        return self.turns([_join(tag, texts[0]), *texts[1:]])

    def _tag(self, annotation: Annotation, rng: np.random.Generator | None) -> str:
        """What stands before the question: nothing, ``vqa2:``, ``long_caption 83:`` or ``long_caption :``."""
        mode = self.config.system_prompt
        if mode == "none":
            return ""
        if mode == "demo_or_style" and annotation.style in self.config.demo_styles:
            rate = self.config.demo_tag_rate
            if isinstance(annotation, Caption) and self.config.caption_tag_rate is not None:
                rate = self.config.caption_tag_rate
            if rng is None or rng.random() >= rate:
                return ""
        hinted = mode == "style_and_length" or (mode == "demo_or_style" and self.config.caption_tag_length)
        if hinted and isinstance(annotation, (Caption, Transcript)):
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

    def prompt(self, annotation: Annotation) -> list[Turn]:
        """What an annotation asks, worded plainly, without its last reply: for evaluation."""
        branch = self.branch(annotation, None)
        if branch is None:
            raise PromptError(f"the {annotation.kind} annotation has more than {self.config.max_points} points")
        return branch[:-1]

    def question(self, text: str, style: str | None = None, length: int | None = None) -> str:
        """A question of a style in the words and with the tag that this model was trained on.

        Descriptions without ``text`` get the plain wording. ``length`` is written where descriptions carried one
        in training. Styles of ``demo_styles`` have no tag, as most of them had none.
        """
        config, described = self.config, style in DESCRIPTIONS
        if described and not text:
            text = description_request("transcript" if style == "transcript" else "caption", config, None)
        measured = config.system_prompt == "demo_or_style" and config.caption_tag_length
        hinted = described and (config.system_prompt == "style_and_length" or measured)
        untagged = config.system_prompt == "demo_or_style" and style in config.demo_styles and not hinted
        if style is None or untagged or config.system_prompt == "none":
            return text
        if not hinted:
            return _join(self.tag(style), text)
        return _join(self.tag(style, config.default_length if length is None else length, hinted=True), text)

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
