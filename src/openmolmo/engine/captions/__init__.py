"""Captions out of transcripts: cleaning, merging, and contradictions for a reviewer. Text only.

::

    from openmolmo.engine.captions import merge_by_llm, merge_offline

    merged = merge_offline([first, second, third])            # the longest is the spine; others add what is new
    merged = merge_by_llm([first, second], ask, model="name")  # ask(prompt) -> str is any text-only language model
    merged.text, merged.method, merged.contradictions
"""

from openmolmo.engine.captions.cleaning import clean
from openmolmo.engine.captions.contradictions import Contradiction, contradictions
from openmolmo.engine.captions.llm_merge import merge_by_llm, merge_prompt
from openmolmo.engine.captions.merging import Merged, merge_offline

__all__ = [
    "Contradiction",
    "Merged",
    "clean",
    "contradictions",
    "merge_by_llm",
    "merge_offline",
    "merge_prompt",
]
