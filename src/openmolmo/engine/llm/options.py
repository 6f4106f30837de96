"""The options by which every command names a language model: ``--llm``, ``--llm-set`` and ``--llm-cache``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from openmolmo.engine.llm.settings import FORMS, known_settings, parse_llm

__all__ = ["llm_options"]

F = TypeVar("F", bound=Callable[..., Any])


def llm_options(
    default: str | None = None, *, cache: Path | None = None, required: bool = False
) -> Callable[[F], Callable[..., Any]]:
    """Give a command the three options; its function gets ``llm``: LLMSettings, or None where none was named.

    ``default`` is the line that stands where nothing is said, ``cache`` the file of answers; ``required``: a command
    that can do nothing without.
    """

    first: dict[str, Any] = {"required": True} if required else {"default": default, "show_default": True}

    def decorate(function: F) -> Callable[..., Any]:
        @click.option("--llm", "line", metavar="LINE", help=f"{FORMS}.", **first)
        @click.option(
            "--llm-set",
            "assignments",
            multiple=True,
            metavar="KEY=VALUE",
            help=f"Change how it is asked; repeatable: {', '.join(_CHANGED)}.",
        )
        @click.option(
            "--llm-cache",
            "answers",
            type=click.Path(path_type=Path, dir_okay=False),
            default=cache,
            show_default=True,
            help="SQLite file of all answers: what is in it is not asked again.",
        )
        @functools.wraps(function)
        def command(
            *args: Any, line: str | None, assignments: tuple[str, ...], answers: Path | None, **others: Any
        ) -> Any:
            if line is None and assignments:
                raise click.UsageError("--llm-set changes how --llm is asked: name one")
            llm = None if line is None else parse_llm(line, assignments, cache=answers)
            return function(*args, llm=llm, **others)

        return command

    return decorate


_CHANGED = [name for name in known_settings() if name not in ("provider", "model", "base_url", "cache")]
