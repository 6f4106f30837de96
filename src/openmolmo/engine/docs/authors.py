"""Who writes the programs: our own templates, or (an entry point of ``openmolmo.doc_authors``) a language model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from openmolmo.core.registry import Registry
from openmolmo.core.rng import derive
from openmolmo.engine.docs.base import FAMILIES, Program, Rendered, Spec
from openmolmo.engine.docs.questions.base import Question

__all__ = ["AUTHORS", "Author", "TemplateAuthor", "template_author"]


class Author(Protocol):
    """Writes a program for a specification; lives in a worker process."""

    name: str
    """Part of every address: templates, or the model and the version of the prompts."""
    own_questions: bool
    """Whether the families of questions are asked too."""
    waits: bool
    """Whether it asks somebody else, with time limits of its own; otherwise a picture's time limit holds for it."""

    def write(self, spec: Spec, attempt: int) -> Program:
        """The program; a failure is an :class:`OpenMolmoError`."""
        ...

    def repair(self, program: Program, error: str, attempt: int) -> Program:
        """Another program after one that failed with ``error``."""
        ...

    def ask(self, program: Program, rendered: Rendered) -> Sequence[Question]:
        """Questions of the author's own; each is verified, or dropped and counted."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class TemplateAuthor:
    """Chooses nothing: the specification names the family, which draws content and look from the seed."""

    name = "template"
    own_questions = False
    waits = False

    def write(self, spec: Spec, attempt: int) -> Program:
        rng = derive(spec.seed, "docs", spec.family, spec.index, attempt)
        return dataclasses.replace(FAMILIES.get(spec.family).write(rng, spec), made_by="template")

    def repair(self, program: Program, error: str, attempt: int) -> Program:
        del error  # another draw of the same family
        return self.write(program.spec, attempt)

    def ask(self, program: Program, rendered: Rendered) -> Sequence[Question]:
        return ()

    def close(self) -> None:
        pass


def template_author(options: Mapping[str, Any]) -> Author:
    """The author of runs without a language model."""
    del options
    return TemplateAuthor()


AUTHORS: Registry[Callable[[Mapping[str, Any]], Author]] = Registry("doc_author")
"""Makes an author from the options of the run (JSON values), in every worker process."""
