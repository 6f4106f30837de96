"""How the questions of other harnesses are put to our models: our tags, options and crops, and replies that their
metrics can read.

Harnesses end questions with instructions ("Answer with a single number."), which a model with tags was not trained on,
and letter options as ``A. cat``, where ours are ``A: cat``. Here the tag takes the instruction's place.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass

from openmolmo.evaluation.benchmarks.base import BENCHMARKS, Benchmark
from openmolmo.prompting.replies import ask_options
from openmolmo.words.answer import Answer

__all__ = ["Put", "put"]

_OPTION = re.compile(r"\(?([A-Z])[.):]\s*(.*\S)\s*")
_INSTRUCTION = re.compile(
    r"(?:please )?answer with the option(?:'s)? letter (?:from the given choices directly|only)\."
    r"|answer the question (?:using|with) a single word(?: or phrase)?\."
    r"|please answer the question directly\."
    r"|answer with a single number\."
    r"|respond with one word\."
    r"|when the provided information is insufficient, respond with 'unanswerable'\."
    r"|please select the correct answer from the options above\."
    r"|above choices are given in .* format\."
    r"|hint: please .*",
    re.IGNORECASE,
)
_BEFORE = "Look at the image carefully and count the objects. Answer with just a number, without any additional text. "
_LABEL = re.compile(r"\A(?:question|text):\s*", re.IGNORECASE)
_HEADING = re.compile(r"(?:options|choices):\s*", re.IGNORECASE)
_CHOICES = {"vqa2": "a_okvqa_mc", None: "a_okvqa_mc"}
"""The style of choices where a benchmark's own one is for short answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A question as our models read it. ``names``: what they reply for each option where those are letters of the
    picture; ``counted``: the harness reads a number. ``pictures``: whether only the first one is shown.
    """

    text: str
    style: str | None
    max_crops: int | None = None
    max_new_tokens: int | None = None
    names: tuple[str, ...] = ()
    counted: bool = False
    only_first: bool = False

    def reply(self, answer: Answer) -> str:
        """The reply for the harness: the total instead of points, the option's letter instead of the picture's."""
        if self.counted and answer.count is not None:
            return str(answer.count)
        said = answer.text.strip()
        names = [name.casefold() for name in self.names]
        if said.casefold() in names:
            return string.ascii_uppercase[names.index(said.casefold())]
        return said


def put(text: str, task: str, tasks: Mapping[str, str]) -> Put:
    """A harness's question of a task; ``tasks`` has the names of our benchmarks by theirs.

    Of a task that is none of our benchmarks choices get the tag of choices, and everything else is asked as it is.
    """
    benchmark = BENCHMARKS.get(tasks[task]) if task in tasks else None
    if benchmark is None:
        question, options = _parts(text)
        return _choice(question, options, "a_okvqa_mc") if len(options) > 1 else Put(text=text.strip(), style=None)
    if benchmark.name == "real_world_qa":  # its instructions are its own
        choices = sum(bool(_OPTION.fullmatch(line)) for line in text.split("\n")) > 1
        bare = text.strip() if choices else text.strip().split("\n")[0].strip()
        return _with_settings(Put(text=bare, style="a_okvqa_mc" if choices else "vqa2"), benchmark)
    question, options = _parts(text)
    style = benchmark.settings.style
    if len(options) > 1:
        return _with_settings(_choice(question, options, _CHOICES.get(style, style)), benchmark)
    return _with_settings(Put(text=question, style=style), benchmark)


def _with_settings(asked: Put, benchmark: Benchmark) -> Put:
    settings = benchmark.settings
    return Put(
        text=asked.text,
        style=asked.style,
        names=asked.names,
        max_crops=settings.max_crops,
        max_new_tokens=settings.max_new_tokens,
        counted=settings.style == "point_count",
        only_first=settings.pictures == "first",
    )


def _choice(question: str, options: list[str], style: str | None) -> Put:
    bare = all(re.fullmatch(r"[A-Za-z]", option) for option in options)
    if style == "ai2_diagram" and bare:
        style, options = "ai2_diagram_no_letter", [option.upper() for option in options]
    text, names = ask_options(question, options)
    return Put(text=text, style=style, names=names if bare else ())


def _parts(text: str) -> tuple[str, list[str]]:
    """The question without instructions, and its options (A, B, ... on the last lines)."""
    lines = [line.strip() for line in text.strip().removeprefix(_BEFORE).split("\n")]
    lines = [line for line in lines if not (_INSTRUCTION.fullmatch(line) or _HEADING.fullmatch(line))]
    marked = [_OPTION.fullmatch(line) for line in lines]
    first = len(lines)
    while first and marked[first - 1]:
        first -= 1
    options = [match for match in marked[first:] if match]
    if "".join(match[1] for match in options) != string.ascii_uppercase[: len(options)] or len(options) < 2:
        first, options = len(lines), []
    question = "\n".join(line for line in lines[:first] if line)
    return _LABEL.sub("", question, count=1), [match[2] for match in options]
