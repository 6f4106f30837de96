"""Judges by the words that people type: ``scenes``, a language model, or a function of a module."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from openmolmo.core.errors import ConfigError
from openmolmo.engine.llm import LLM, Request, parse_llm
from openmolmo.engine.llm.providers.base import PROVIDERS
from openmolmo.engine.llm.settings import FORMS
from openmolmo.evaluation.captions import scene_judge
from openmolmo.evaluation.captions.asking import Ask, Judge, Parser

__all__ = ["SCENES", "judge_of"]

SCENES = "scenes"
"""The judge of generated scenes, which needs no model."""


def judge_of(
    line: str, *, name: str | None = None, parser: Parser = "strict", tries: int = 3, cache: Path | None = None
) -> Judge:
    """The judge that ``line`` names: ``scenes``, ``openai:MODEL@ADDRESS``, or ``MODULE:FUNCTION``.

    ``name``: of the judge on record, that of the line by default. ConfigError where there is none such.
    """
    ask = scene_judge.ask if line == SCENES else _asked(line)
    known = name or (scene_judge.NAME if line == SCENES else line)
    return Judge(ask, known, parser=parser, tries=tries, cache=cache)


def _asked(text: str) -> Ask:
    """A language model where the text begins with a provider of them, else a function of a module."""
    if text.partition(":")[0] not in PROVIDERS:
        return _function(text)
    # Its answers are kept by the judge; asking again, after labels of a wrong number, is a sample of its own.
    model, asked = LLM(parse_llm(text)), Counter[str]()

    def ask(prompt: str) -> str:
        sample = asked[prompt]
        asked[prompt] += 1
        return model.complete(Request.of(prompt, sample=sample)).text

    return ask


def _function(text: str) -> Ask:
    module, colon, name = text.partition(":")
    try:
        found: Callable[[str], str] = getattr(importlib.import_module(module), name) if colon else None  # type: ignore[assignment]
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"--judge {text}: {error}", fix="write MODULE:FUNCTION, of a module that can be imported"
        ) from error
    if not callable(found):
        raise ConfigError(f"--judge {text!r} is no function", fix=f"write MODULE:FUNCTION, {SCENES}, or {FORMS}")
    return found
