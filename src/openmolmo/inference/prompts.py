"""How much of a context a prompt leaves."""

from __future__ import annotations

from openmolmo.core.errors import PromptError
from openmolmo.prompting.processor import Prompt

__all__ = ["room_after"]


def room_after(prompt: Prompt, context: int, wanted: int) -> int:
    """How many tokens of ``wanted`` may follow a prompt in a context of so many tokens.

    Raises PromptError, which has both numbers, where the prompt alone fills it.
    """
    length = len(prompt)
    if length >= context:
        raise PromptError(
            f"the prompt takes {length} tokens, the model's context has {context}",
            fix="ask with fewer pictures, a smaller max_crops, a shorter text, or begin a new conversation",
        )
    return min(wanted, context - length)
