"""Tulu 3 (Lambert et al., 2024): text-only conversations, which keep a model's language.

``fraction=0.1`` is what the paper adds (arXiv 2409.17146, text-only benchmarks in the appendix).
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.core.errors import DataError
from openmolmo.data.sources.columns import TEXT, Row, fields, many
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Dialogue, Made

__all__ = ["SOURCE"]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    messages = [(item["role"], item["content"].strip()) for item in row["messages"]]
    system = "\n".join(text for role, text in messages if role == "system")
    turns = [item for item in messages if item[0] != "system"]
    if turns and turns[-1][0] == "user":  # a question without a reply teaches nothing
        turns.pop()
    roles = [role for role, _ in turns]
    if not turns or roles != ["user", "assistant"] * (len(turns) // 2) or not all(text for _, text in turns):
        raise DataError(f"the roles are {', '.join(roles)}, expected user and assistant in turn", field="messages")
    texts = [text for _, text in turns]
    yield Dialogue(turns=(f"{system}\n{texts[0]}" if system else texts[0], *texts[1:]))


SOURCE = PublishedSet(
    name="tulu3",
    title="Tulu 3",
    home="https://huggingface.co/datasets/allenai/tulu-3-sft-mixture",
    places={"train": HubPlace(repo="allenai/tulu-3-sft-mixture", split="train")},
    layouts=(
        Layout(
            columns={"id": TEXT, "messages": many(fields(role=TEXT, content=TEXT)), "source": TEXT},
            annotate=_annotate,
            facts=("id", "source"),
        ),
    ),
    licence="ODC-BY-1.0",
    made={"dialogue": (Made.WRITTEN, Made.TEXT_LLM)},
    picture="text only",
)
