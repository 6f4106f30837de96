"""``openmolmo synth caption-qa``."""

from __future__ import annotations

from pathlib import Path

import click

from openmolmo.core.executors import Executor, executor_option
from openmolmo.core.progress import console, print_table
from openmolmo.engine.caption_qa.keeping import REASONS
from openmolmo.engine.caption_qa.make import CaptionQA, Report, make_caption_qa
from openmolmo.engine.llm.options import llm_options
from openmolmo.engine.llm.settings import LLMSettings

__all__ = ["caption_qa"]


@click.command("caption-qa", short_help="Make questions and answers out of captions.")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--single", default=6, show_default=True, type=click.IntRange(min=0), help="Questions of a picture, at most."
)
@click.option(
    "--turns", default=3, show_default=True, type=click.IntRange(min=0), help="Questions of one conversation; 0: none."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Other seed, other questions.")
@click.option(
    "--rows-per-shard", default=256, show_default=True, type=click.IntRange(min=1), help="Captions of one file."
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Processes.")
@executor_option
@llm_options()
def caption_qa(
    source: Path, out: Path, llm: LLMSettings | None, workers: int, executor: Executor, **settings: int
) -> None:
    """Make questions and answers about the pictures of SOURCE, out of their captions.

    With --llm a text-only language model writes them from the caption alone, and judges each in a second call. Without
    it, gaps in the captions' own sentences and scene graphs give questions, marked as made by a program. A run that
    was stopped is finished by the same command.
    """
    if llm is not None and llm.cache is None:
        llm = llm.replace(cache=out.with_name(f"{out.name}.answers.sqlite"))
    _tell(make_caption_qa(source, out, CaptionQA(**settings), llm=llm, workers=workers, executor=executor))


def _tell(report: Report) -> None:
    rows = [[name.replace("_", " ").replace(".", ": "), count] for name, count in report.counts.items()]
    rows += [["shards made now", report.made], ["shards kept from before", report.kept]]
    print_table(f"questions in {report.folder}", ["", "number"], rows)
    if report.dropped:
        told = [[name, count, REASONS.get(name, "")] for name, count in report.dropped.items()]
        print_table("dropped", ["reason", "number", ""], told)
    console.print(f"look at it:  openmolmo data show {report.folder}", highlight=False, soft_wrap=True)
