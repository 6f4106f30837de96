"""One caption out of one to three transcripts by a text-only language model, as the paper did it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import jinja2

from openmolmo.core.errors import RunError
from openmolmo.core.files import sha256_bytes
from openmolmo.engine.captions.contradictions import Contradiction, contradictions
from openmolmo.engine.captions.merging import Merged, said_texts

__all__ = ["PROMPT_VERSION", "merge_by_llm", "merge_prompt"]

PROMPT_VERSION = "merge_v1"

_FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.DOTALL)
_LEAD = re.compile(
    r"\A(?:(?:sure|certainly|of course)[^\n]{0,80}\n+|(?:here is|here's)[^\n]{0,80}:\s*|caption:\s*)", re.I
)


def merge_prompt(transcripts: Sequence[str], found: Sequence[Contradiction] = ()) -> str:
    """The whole prompt, words only."""
    texts = [re.sub(r"</?\s*transcript", "", text, flags=re.IGNORECASE) for text in transcripts if text]
    return _template().render(transcripts=texts, contradictions=found)


def merge_by_llm(
    transcripts: Sequence[str], ask: Callable[[str], str], *, model: str, language: str | None = "en"
) -> Merged:
    """Have ``ask`` answer the prompt; ``model`` is the name to record. A reply without words raises RunError."""
    texts = said_texts(transcripts, language)
    found = tuple(contradictions(texts))
    prompt = merge_prompt(texts, found)
    text = _caption(ask(prompt))
    if not re.search(r"\w", text):
        raise RunError(f"{model} answered with no caption", fix="ask again, or merge offline")
    return Merged(
        text=text,
        method="llm",
        version=PROMPT_VERSION,
        model=model,
        prompt_sha256=sha256_bytes(prompt.encode()),
        contradictions=found,
    )


def _caption(reply: str) -> str:
    """The reply without the wrapping that models add though told not to."""
    text = reply.strip()
    if fenced := _FENCE.match(text):
        text = fenced[1].strip()
    text = _LEAD.sub("", text).strip()
    quoted = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]
    return text[1:-1].strip() if quoted else text


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    text = (Path(__file__).parent / f"{PROMPT_VERSION}.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(text)
