"""The three calls to a text-only judge, in our own words.

    split       a text -> its statements, one a line
    cover       reference statements and a caption -> Stated or Not Stated, one a statement
    support     transcripts and the caption's statements -> Consistent or Inconsistent, one a statement

Texts stand between markers, and cannot end them. The wording has a version, which is part of a judge's identity: other
words are another judge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["CLOSE", "OPEN", "VERSION", "again", "cover", "numbered", "read_list", "split", "support"]

VERSION = 1
OPEN, CLOSE = "<<<", ">>>"

_SPLIT = """\
TASK: SPLIT
You are given a description of a picture; you cannot see the picture.
Take the description apart into its smallest separate claims about what the picture shows. Each claim must be \
understandable on its own, so repeat the name of a thing rather than writing "it". Say nothing twice, and add nothing \
that is not said. Leave out remarks that are not about the picture.
Answer with a numbered list, one claim a line ("1. ..."), and with nothing else. If there is no claim, answer NONE.

DESCRIPTION:
{text}
"""
_COVER = """\
TASK: COVER
You are given {count} statements about a picture and a caption of the same picture; you cannot see the picture.
For each statement decide whether a reader of the caption alone would know it. Other words for the same fact are \
enough; being merely possible or likely is not.
Answer with exactly {count} lines, in the order of the statements: the number, a period, and either "Stated" or \
"Not Stated". Write nothing else.

STATEMENTS:
{statements}

CAPTION:
{caption}
"""
_SUPPORT = """\
TASK: SUPPORT
You are given what {people} said about one picture, and {count} statements from somebody's caption of it; you cannot \
see the picture.
For each statement decide whether it agrees with what was said: it is "Consistent" where at least one of them says so \
or it follows from their words, and "Inconsistent" where they say otherwise or nothing that bears it out.
Answer with exactly {count} lines, in the order of the statements: the number, a period, and either "Consistent" or \
"Inconsistent". Write nothing else.

TRANSCRIPTS:
{transcripts}

STATEMENTS:
{statements}
"""
_AGAIN = """
Your last answer could not be used: {reason}. Answer again, with exactly {count} lines.
"""
_MARKED = re.compile(r"\s*(?:\(?\d{1,4}[.):]|[-*•])\s+(?P<text>.*\S)\s*")


def split(text: str) -> str:
    """Ask for the statements of a text."""
    return _SPLIT.format(text=_enclosed(text))


def cover(statements: Sequence[str], caption: str) -> str:
    """Ask which reference statements a caption states."""
    return _COVER.format(count=len(statements), statements=numbered(statements), caption=_enclosed(caption))


def support(transcripts: Sequence[str], statements: Sequence[str]) -> str:
    """Ask which of the caption's statements the transcripts bear out."""
    people = "one person" if len(transcripts) == 1 else f"{len(transcripts)} people"
    texts = "\n".join(_enclosed(text) for text in transcripts)
    return _SUPPORT.format(people=people, count=len(statements), transcripts=texts, statements=numbered(statements))


def again(prompt: str, reason: str, count: int) -> str:
    """The same question, after an answer that could not be used."""
    return prompt + _AGAIN.format(reason=" ".join(reason.split()), count=count)


def numbered(statements: Sequence[str]) -> str:
    """One a line, each on a line of its own."""
    return "\n".join(f"{number}. {' '.join(text.split())}" for number, text in enumerate(statements, 1))


def read_list(answer: str) -> list[str]:
    """The statements of a judge's list: its marked lines, or all lines where none is marked; none of "NONE"."""
    lines = [line for line in answer.split("\n") if line.strip()]
    marked = [found["text"] for line in lines if (found := _MARKED.fullmatch(line))]
    if marked:
        return marked
    return [line.strip() for line in lines if line.strip().strip(".").upper() != "NONE"]


def _enclosed(text: str) -> str:
    """Between the markers, which the text itself cannot contain."""
    return f"{OPEN}\n{text.replace(OPEN, '< < <').replace(CLOSE, '> > >').strip()}\n{CLOSE}"
