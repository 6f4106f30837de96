"""One reply on its way: what is asked, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from torch import Tensor

from openmolmo.core.errors import OpenMolmoError
from openmolmo.inference.continuous.features import Seen
from openmolmo.prompting.processor import Prompt
from openmolmo.words.choosing import Choosing, TokenLogprob
from openmolmo.words.reply import ReplyText

__all__ = ["Reply", "Update", "spelled"]


@dataclass(slots=True, eq=False, kw_only=True)
class Reply:
    """A prompt that was read into tokens, what is wanted of it, and what was written so far.

    ``limit``: the most tokens of the reply. ``end_ids``: tokens that end it. ``spelling``: the prompt's ids with a
    picture's mark in place of its tokens'. ``deadline``: by ``time.monotonic``.
    """

    prompt: Prompt
    pictures: tuple[Seen, ...]
    spelling: npt.NDArray[np.int64]
    limit: int
    end_ids: frozenset[int]
    choosing: Choosing
    text: ReplyText
    rng: np.random.Generator
    deadline: float | None = None
    cancelled: bool = False
    ids: list[int] = field(default_factory=list)
    shown: int = 0
    finish: str | None = None
    slot: int = -1
    reused: int = 0
    counts: Tensor | None = None
    prompted: Tensor | None = None

    @property
    def left(self) -> int:
        """Tokens of the prompt, for a reply that has not begun."""
        return len(self.prompt)


@dataclass(frozen=True, slots=True)
class Update:
    """One more token of a reply, the text that is certain by now, or why there will be no more."""

    reply: Reply
    text: str = ""
    token: TokenLogprob | None = None
    finish: str | None = None
    error: OpenMolmoError | None = None


def spelled(prompt: Prompt, pictures: tuple[Seen, ...], im_patch: int) -> npt.NDArray[np.int64]:
    """(T,) ids, with pictures told apart."""
    spelling = prompt.input_ids.copy()
    if pictures:
        marks = np.repeat([seen.mark for seen in pictures], [seen.tokens for seen in pictures])
        spelling[spelling == im_patch] = marks
    return spelling
