"""``openmolmo eval captions``: caption F1 by a judge, and how it goes together with the average of the eleven."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from openmolmo.core.console import echo_json
from openmolmo.core.errors import ConfigError
from openmolmo.core.files import require_writable
from openmolmo.core.progress import print_table
from openmolmo.evaluation.captions.asking import PARSERS, Parser
from openmolmo.evaluation.captions.caption_file import read_captions
from openmolmo.evaluation.captions.correlation import (
    correlate,
    pairs_of_files,
    pairs_of_table,
    published_pairs,
)
from openmolmo.evaluation.captions.correlation_page import write_correlation_page
from openmolmo.evaluation.captions.judges import SCENES, judge_of
from openmolmo.evaluation.captions.protocol import judge_all
from openmolmo.evaluation.captions.reference import SOURCES, Source, read_references
from openmolmo.evaluation.captions.report import CaptionReport, report_of, write_report

__all__ = ["captions"]


@click.group()
def captions() -> None:
    """Judge captions by statements: recall, precision, F1."""


@captions.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.argument("file", metavar="CAPTIONS", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--judge",
    "judge",
    default=SCENES,
    show_default=True,
    help="A text-only language model, e.g. openai:MODEL@http://localhost:8000/v1; or MODULE:FUNCTION, called with a"
    " prompt, returns text; or `scenes`, for generated scenes, without a model.",
)
@click.option("--judge-id", help="Name of the judge on record, with its version  [default: that of --judge].")
@click.option("--parser", type=click.Choice(PARSERS), default="strict", show_default=True, help="How labels are read.")
@click.option("--tries", default=3, show_default=True, type=click.IntRange(min=1), help="Answers of a wrong length.")
@click.option("--cache", type=click.Path(path_type=Path, dir_okay=False), help="Answers  [default: in --out].")
@click.option("--reference", type=click.Choice(SOURCES), help="[default: facts for scenes, else transcripts]")
@click.option("--split", help="Only this split of DATA.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many captions.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Calls at the same time.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("captions"), show_default=True, help="Folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def judge(data: Path, file: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Judge CAPTIONS of the pictures of DATA, a set with transcripts, and write results.json and report.html.

    CAPTIONS is JSON lines with id, caption and, if there are several of a picture, length_hint; or a result file of
    `openmolmo eval`. A run that was cut off asks nothing twice.
    """
    require_writable(out)
    report = _judge(data, file, out, _Settings(**options))
    write_report(report, out)
    if as_json:
        echo_json(report.to_dict()["captions"])
    else:
        _tell(report)
        click.echo(f"{out / 'results.json'}\n{out / 'report.html'}")
    for note in report.notes:
        click.echo(f"note: {note}", err=True)


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What the options of ``judge`` say."""

    judge: str
    judge_id: str | None
    parser: Parser
    tries: int
    cache: Path | None
    reference: Source | None
    split: str | None
    limit: int | None
    workers: int


def _judge(data: Path, file: Path, out: Path, settings: _Settings) -> CaptionReport:
    cache = settings.cache or out / "judge.jsonl"
    made = judge_of(settings.judge, name=settings.judge_id, parser=settings.parser, tries=settings.tries, cache=cache)
    source: Source = settings.reference or ("facts" if settings.judge == SCENES else "transcripts")
    references, notes = read_references(data, source, split=settings.split)
    given, told = read_captions(file)
    judged = judge_all(made, references, given[: settings.limit], workers=settings.workers)
    if settings.limit is not None:  # the others are not missing
        judged = type(judged)(captions=judged.captions, unjudged=judged.unjudged, unknown=judged.unknown)
    meta = {
        "model": told.get("model", file.stem),
        "data": str(data),
        "split": settings.split,
        "reference": source,
        "judge": made.identity,
        "parser": settings.parser,
        "limit": settings.limit,
    }
    if made.mismatches:
        notes = [*notes, f"the judge gave a wrong number of labels {made.mismatches} times"]
    return report_of(judged, {name: value for name, value in meta.items() if value is not None}, notes)


def _tell(report: CaptionReport) -> None:
    titles = {
        "recall": "recall",
        "consistency": "precision",
        "f1_of_means": "F1 of the means",
        "mean_of_f1": "mean of each F1",
        "recall_at_10": "recall at 10",
    }
    rows = []
    for name, title in titles.items():
        bounds = report.scores.intervals.get(name)
        rows.append(
            [title, f"{report.scores.means[name]:.1f}", f"{bounds[0]:.1f} to {bounds[1]:.1f}" if bounds else ""]
        )
    print_table(
        f"{report.meta['model']}: {report.scores.captions} captions, judge {report.meta['judge']}",
        ["percent", "mean", "95 %"],
        rows,
    )
    if len(report.hints) > 1:
        heads = ["length hint", "captions", "characters", "recall", "precision", "F1"]
        curve = [
            [hint, one.captions, f"{one.characters:.0f}", *(f"{one.means[name]:.1f}" for name in list(titles)[:3])]
            for hint, one in report.hints.items()
        ]
        print_table("By length hint", heads, curve)


@captions.command(name="correlate")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--table", type=click.Path(path_type=Path, exists=True), help="CSV with model, caption_f1 and average.")
@click.option("--published", is_flag=True, help="With the paper's ablations.")
@click.option("--other-captions", is_flag=True, help="Also those pre-trained on captions of another kind.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with the plot here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def correlate_command(
    files: tuple[Path, ...],
    table: Path | None,
    published: bool,
    other_captions: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Say how caption F1 and the average of the eleven go together (Pearson), over the models of result FILES.

    A model takes part that has judged captions and all eleven benchmarks, in one file or in several.
    """
    pairs, notes = pairs_of_files(files)
    pairs += pairs_of_table(table) if table is not None else []
    pairs += published_pairs(other_captions=other_captions) if published or other_captions else []
    if not pairs and not files:
        raise ConfigError("no model is given", fix="name result files, --table or --published")
    found = correlate(pairs)
    if out is not None:
        write_correlation_page(pairs, found, notes, out)
    if as_json:
        echo_json({**vars(found), "pairs": [[p.model, p.caption_f1, p.average] for p in pairs], "notes": notes})
        return
    rows = [[pair.model, f"{pair.caption_f1:.1f}", f"{pair.average:.1f}"] for pair in pairs]
    said = f"Pearson r = {found.r:.3f}, 95 % {found.low:.3f} to {found.high:.3f}, over {found.models} models"
    print_table("Caption F1 and the average of the eleven", ["model", "caption F1", "average"], rows, [said])
    for note in notes:
        click.echo(f"note: {note}", err=True)
