"""One picture from specification to checked questions: what a worker process does, step by step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.config import to_dict
from openmolmo.core.errors import OpenMolmoError
from openmolmo.core.rng import derive
from openmolmo.engine.docs.authors import AUTHORS, Author
from openmolmo.engine.docs.base import FAMILIES, TOOLS, Program, Rendered, Spec, ToolSession
from openmolmo.engine.docs.codec import program_from_dict, program_to_dict, rendered_from_dict, rendered_to_dict
from openmolmo.engine.docs.export import make_example
from openmolmo.engine.docs.failures import AuthorGone
from openmolmo.engine.docs.ledger import Ledger, Row, address
from openmolmo.engine.docs.llm.reach import refuse_reaching_out
from openmolmo.engine.docs.llm.whole import refuse_incomplete, texts_of
from openmolmo.engine.docs.noise import add_noise
from openmolmo.engine.docs.plan import DocsPlan
from openmolmo.engine.docs.questions import QUESTIONS_VERSION, ask
from openmolmo.engine.docs.questions.base import View
from openmolmo.engine.docs.tools.png import picture_of
from openmolmo.engine.docs.verify import verified
from openmolmo.records.codec import example_to_row
from openmolmo.records.quality_hash import signature_of

__all__ = ["RENDER_VERSION", "STEPS", "Addresses", "Workshop", "addresses"]

STEPS = ("program", "render", "questions")
RENDER_VERSION = "2"
"""Part of the address of pictures: raise it when the same program would be drawn otherwise by the same tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the rows of one attempt at one picture are kept."""

    program: str
    render: str
    questions: str


def addresses(plan: DocsPlan, spec: Spec, attempt: int, versions: Mapping[str, str]) -> Addresses:
    """From everything that goes into each step, known before any of it is made; ``versions`` are the tools'."""
    family = FAMILIES.get(spec.family) if spec.family in FAMILIES else None
    writer = [plan.author, dict(plan.options), getattr(family, "version", "1")]
    program = address("program", to_dict(spec), writer, attempt)
    render = address("render", program, versions[spec.tool], RENDER_VERSION)
    questions = address("questions", render, QUESTIONS_VERSION, plan.noise, plan.questions, plan.split)
    return Addresses(program=program, render=render, questions=questions)


Guard = Callable[[], contextlib.AbstractContextManager[object]]


class Workshop:
    """A worker's open tools, its author and its eye on the ledger.

    ``guard`` is entered for each piece of work that waits for nobody else, and so may be told to end in time.
    """

    def __init__(self, plan: DocsPlan, ledger: Path, guard: Guard = contextlib.nullcontext) -> None:
        self._plan, self._guard = plan, guard
        self._stack = contextlib.ExitStack()
        self._sessions: dict[str, ToolSession] = {}
        self._author: Author = AUTHORS.get(plan.author)(plan.options)
        self._stack.callback(self._author.close)
        self._ledger = Ledger(ledger, readonly=True)
        self._versions = {name: TOOLS.get(name).version() for name in plan.tools}
        self._stack.callback(self._ledger.close)

    def close(self) -> None:
        """Put the tools away."""
        self._stack.close()

    def make(self, spec: Spec, attempt: int) -> list[Row]:
        """The rows of one attempt that are not there yet; the last one says how it ended."""
        where = addresses(self._plan, spec, attempt, self._versions)
        rows: list[Row] = []
        try:
            program = self._program(spec, attempt, where, rows)
            rendered = self._rendered(program, attempt, where, rows)
            rows.append(self._asked(program, rendered, attempt, where))
        except AuthorGone:
            raise  # no fault of this picture, and the next would meet it too
        except OpenMolmoError as error:
            failed = {"program": where.program, "render": where.render, "questions": where.questions}
            made = {row.step for row in rows}
            step = next(name for name in STEPS if name not in made and self._ledger.get(failed[name]) is None)
            left = STEPS[STEPS.index(step) :]
            rows += [_failed(failed[name], name, spec.index, attempt, str(error)) for name in left]
        return rows

    def _program(self, spec: Spec, attempt: int, where: Addresses, rows: list[Row]) -> Program:
        known = self._ledger.get(where.program)
        if known is not None and known.state == "done":
            return program_from_dict(known.output)
        before = self._before(spec, attempt)
        author = self._author
        with contextlib.nullcontext() if author.waits else self._guard():
            program = author.write(spec, attempt) if before is None else author.repair(*before, attempt)
        rows.append(
            Row(
                address=where.program, step="program", item=spec.index, attempt=attempt,
                output=program_to_dict(program),
            )
        )  # fmt: skip
        return program

    def _before(self, spec: Spec, attempt: int) -> tuple[Program, str] | None:
        """The program of the attempt before and what was wrong with it, if it was written at all."""
        if attempt == 0:
            return None
        where = addresses(self._plan, spec, attempt - 1, self._versions)
        written, drawn = self._ledger.get(where.program), self._ledger.get(where.render)
        if written is None or written.state != "done" or drawn is None or drawn.state == "done":
            return None
        return program_from_dict(written.output), drawn.error

    def _rendered(self, program: Program, attempt: int, where: Addresses, rows: list[Row]) -> Rendered:
        known = self._ledger.get(where.render)
        if known is not None and known.state == "done" and known.picture is not None:
            return rendered_from_dict(known.output, known.picture)
        if program.made_by != "template":
            refuse_reaching_out(program.spec.tool, program.source, texts_of(program.content))
        with self._guard():
            rendered = self._session(program.spec.tool).render(program)
        if program.made_by != "template":
            refuse_incomplete(program, rendered)
        rows.append(
            Row(
                address=where.render, step="render", item=program.spec.index, attempt=attempt,
                output=rendered_to_dict(rendered), picture=rendered.png,
            )
        )  # fmt: skip
        return rendered

    def _session(self, name: str) -> ToolSession:
        if name not in self._sessions:
            self._sessions[name] = self._stack.enter_context(TOOLS.get(name).open())
        return self._sessions[name]

    def _asked(self, program: Program, rendered: Rendered, attempt: int, where: Addresses) -> Row:
        spec = program.spec
        rng = derive(spec.seed, "docs questions", spec.index, attempt)
        view = View(content=program.content, rendered=rendered, language=spec.language, rng=rng, source=program.source)
        own = self._author.ask(program, rendered)
        with self._guard():
            kept, dropped = verified([*own, *ask(view, self._plan.questions)], program, rendered)
            noisy = add_noise(derive(spec.seed, "docs noise", spec.index, attempt), rendered, self._plan.noise)
        example = make_example(program, rendered, noisy, kept, split=self._plan.split, attempt=attempt)
        row: dict[str, Any] = example_to_row(example)
        picture = row["image"]["bytes"]
        row["image"] = {**row["image"], "bytes": None}
        seen = signature_of(picture_of(rendered.png))
        output = {
            "example": row,
            "asked": [question.family for question in kept],
            "dropped": dropped,
            "text": " ".join(mark.text for mark in rendered.marks if mark.text),
            "look": [f"{seen.bits:032x}", *seen.colour],
        }
        return Row(
            address=where.questions, step="questions", item=spec.index, attempt=attempt, output=output, picture=picture
        )


def _failed(where: str, step: str, item: int, attempt: int, error: str) -> Row:
    return Row(address=where, step=step, item=item, attempt=attempt, state="failed", error=error, output={})
