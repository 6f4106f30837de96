"""``openmolmo synth docs``: documents, charts, tables and diagrams with checked questions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, get_args

import click

from openmolmo.core.progress import console, print_table, say
from openmolmo.engine.docs.base import TOOLS, Kind
from openmolmo.engine.docs.pipeline import DocsResult, make_documents
from openmolmo.engine.docs.plan import NOISES, DocsPlan, usable_tools
from openmolmo.engine.docs.worlds import LANGUAGES
from openmolmo.records.example import Split

__all__ = ["docs"]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@click.command("docs", short_help="Make documents, charts, tables and diagrams.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--count", default=100, show_default=True, type=click.IntRange(min=1), help="How many pictures.")
@click.option("--tools", default="all", show_default=True, help="Comma-separated; those that are missing are left out.")
@click.option("--kinds", default=",".join(get_args(Kind)), show_default=True, help="Comma-separated.")
@click.option("--languages", default="en", show_default=True, help=f"Of labels and dates: {', '.join(LANGUAGES)}.")
@click.option(
    "--noise", default="none", show_default=True, type=click.Choice(NOISES), help="As if printed or photographed."
)
@click.option("--questions", default=8, show_default=True, type=click.IntRange(min=1), help="Most of one picture.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Processes.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Other seed, other data.")
@click.option("--split", default="train", show_default=True, type=click.Choice(get_args(Split)))
@click.option("--llm", help="A text-only model that writes data, code and questions: see openmolmo llm --help.")
def docs(out: Path, tools: str, kinds: str, languages: str, llm: str | None, workers: int, **settings: Any) -> None:
    """Make documents, charts, tables and diagrams, with questions whose answers are computed and checked.

    A run that was stopped is finished by the same command; what is in the ledger is kept.
    """
    there, sentences = usable_tools(TOOLS.names() if tools == "all" else _listed(tools))
    for sentence in sentences:
        say(f"left out: {sentence}")
    plan = DocsPlan(
        tools=there,
        kinds=tuple(kind for kind in get_args(Kind) if kind in _known(kinds)),
        languages=_listed(languages),
        author="llm" if llm else "template",
        options={"llm": llm} if llm else {},
        **settings,
    )
    started = time.perf_counter()
    result = make_documents(plan, out, workers=workers)
    _tell(result, time.perf_counter() - started)


def _known(kinds: str) -> set[str]:
    listed = _listed(kinds)
    unknown = [kind for kind in listed if kind not in get_args(Kind)]
    if unknown or not listed:
        raise click.UsageError(f"there is no kind {kinds!r}; choose from {', '.join(get_args(Kind))}")
    return set(listed)


def _tell(result: DocsResult, seconds: float) -> None:
    summary = result.summary
    print_table(f"documents in {result.folder}", ["what", "name", "count"], list(summary.rows()))
    say(
        f"{result.made} made now in {seconds:.1f} s; {summary.questions.total()} questions, "
        f"{summary.verified:.1%} of {summary.asked} confirmed by the second path"
    )
    if summary.pictures < summary.wanted:
        say(f"{summary.wanted - summary.pictures} pictures could not be made: their errors are in the ledger")
    console.print(f"look at it:  openmolmo data show {result.folder}", highlight=False, soft_wrap=True)
