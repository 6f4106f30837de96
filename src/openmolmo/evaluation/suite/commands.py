"""``openmolmo eval suite``: a model on the paper's benchmarks, from one command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from openmolmo.core.errors import RunError
from openmolmo.evaluation.metrics.profile import PROFILES

__all__ = ["suite"]

_ASKED = ("names", "profile", "limit", "shuffled", "changes", "resume", "cases", "judge")
"""Options about what is asked; the others are about what answers."""


@click.command()
@click.argument("names", default="academic11", metavar="[academic11|skills|all|NAME,NAME:SPLIT...]")
@click.option("--model", default="nano", show_default=True, help="A model of ours, openai:NAME, or file:PATH.")
@click.option("--base-url", help="Address of the server of openai:NAME; the key is in OPENAI_API_KEY.")
@click.option(
    "--prompt",
    type=click.Choice(["instructions", "tags"]),
    help="How a server is asked: what to answer in words, or with a Molmo's tags.  [default: instructions]",
)
@click.option("--at-once", default=8, show_default=True, type=click.IntRange(min=1), help="Questions on their way.")
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), help="A folder a set. [the hub]")
@click.option("--images", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Fetched pictures.")
@click.option("--profile", type=click.Choice(PROFILES), default="released", show_default=True, help="Rules of scoring.")
@click.option("--limit", type=click.IntRange(min=1), help="Most questions a benchmark, drawn at random.")
@click.option("--shuffled", default=500, show_default=True, type=click.IntRange(min=0), help="Most for that control.")
@click.option(
    "--set", "changes", multiple=True, metavar="[NAME.]KEY=VALUE", help="E.g. max_crops=12, mmmu.pictures=all."
)
@click.option("--judge", help="Who judges captions and extracts MathVista's answers: openai:MODEL@ADDRESS; or scenes.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--batch-size", default=16, show_default=True, type=click.IntRange(min=1), help="Replies made together.")
@click.option("--device", default=None, help="cpu or cuda; the accelerator if there is one, by default.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16", "float16"]), help="Type of the weights. [float32]")
@click.option("--cases", default=8, show_default=True, type=click.IntRange(min=0), help="Right and wrong ones shown.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("suite"), show_default=True, help="Folder.")
def suite(data: Path | None, images: Path | None, prompt: str | None, out: Path, **options: Any) -> None:
    """Judge a model on benchmarks, with intervals and two controls, beside the paper's models.

    Writes results.json, report.html, predictions/ and submissions/ (for the servers that have the answers) into --out.
    Every answer is on the disk before the next question: a run that was killed goes on with --resume, asks nothing
    twice and ends with the same files.
    """
    from openmolmo.evaluation.suite.models.find import ModelChoice
    from openmolmo.evaluation.suite.questions import Places
    from openmolmo.evaluation.suite.run import SuiteSetup, run_suite
    from openmolmo.evaluation.suite.tables import print_suite

    asked = {name: options.pop(name) for name in _ASKED}
    setup = SuiteSetup(out=out, places=Places(data=data, images=images), **asked)
    outcome = run_suite(setup, ModelChoice(prompted=prompt, **options))
    print_suite(outcome.judged, outcome.meta, outcome.not_judged)
    asking = outcome.asking
    click.echo(
        f"{asking.asked} questions asked in {asking.seconds:.1f} s; the model waited {asking.waiting:.0%} of it",
        err=True,
    )
    click.echo(f"{out / 'results.json'}\n{out / 'report.html'}")
    if outcome.unanswered:
        raise RunError(
            f"{outcome.unanswered} questions have no reply", fix="the others are scored; --resume asks these again"
        )
    if outcome.not_judged:
        raise RunError(
            f"not judged: {', '.join(outcome.not_judged)}",
            fix="the others are scored; give these data, and another --out",
        )
