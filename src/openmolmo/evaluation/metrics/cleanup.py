"""From a reply to the answer that is scored, as the published Molmo code does it before every VQA metric."""

from __future__ import annotations

from collections import Counter

__all__ = ["clean_reply"]

_MARK = "Answer:"


def clean_reply(reply: str) -> str:
    """What stands behind the first ``Answer:``, else the most frequent line (of several the first), spaces folded."""
    reply = reply.strip()
    if _MARK in reply:
        return reply.split(_MARK)[1].strip()
    if "\n" not in reply:
        return " ".join(reply.split())
    lines = [" ".join(line.split()) for line in reply.split("\n")]
    return Counter(lines).most_common(1)[0][0]
