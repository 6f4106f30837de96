"""What has been found: tables beside the paper's numbers, as text, Markdown, JSON, and one page with curves."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from openmolmo.core.pages import page
from openmolmo.core.progress import print_table
from openmolmo.recipes.ablate.base import ABLATIONS, Ablation, Contrast
from openmolmo.recipes.ablate.curves import arm_curves
from openmolmo.recipes.ablate.paper import paper_difference
from openmolmo.recipes.ablate.results import RunResult, contrast_of, read_results, split_versions
from openmolmo.recipes.ablate.statistics import Difference, Verdict, verdict_of

__all__ = [
    "ArmFound",
    "Finding",
    "Findings",
    "collect",
    "findings_of",
    "print_summary",
    "render_html",
    "render_markdown",
    "table_rows",
    "to_json",
]

_HEADS = ("contrast", "expected", "in the paper", "difference", "95 %", "seeds", "verdict")
_SIGNS = {"better": ">", "worse": "<", "none": "="}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One contrast: what was expected, what the paper has, what came out."""

    contrast: Contrast
    paper: str | None
    found: Difference | None
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class ArmFound:
    """One arm: its score by seed (0 where it diverged), how many runs diverged, and the image tokens of a question."""

    name: str
    scores: Mapping[int, float]
    diverged: int
    tokens: float | None = None

    @property
    def mean(self) -> float:
        """Over the seeds there are."""
        return sum(self.scores.values()) / len(self.scores)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All of one ablation. ``apart``: scores by other code or settings, by arm, which are not mixed in."""

    ablation: Ablation
    contrasts: tuple[Finding, ...]
    arms: tuple[ArmFound, ...]
    results: tuple[RunResult, ...] = ()
    apart: Mapping[str, Mapping[str, float]]

    @property
    def seconds(self) -> float:
        """Computing time of all runs, each by itself: what they share is counted for each."""
        return sum(sum(one.about.get("seconds", {}).values()) for one in self.results)

    @property
    def scale(self) -> float:
        """That of the runs; 1 without any."""
        return self.results[0].scale if self.results else 1.0


def collect(root: Path) -> list[Findings]:
    """What the folder of all runs holds of every registered ablation."""
    return [findings_of(ABLATIONS.get(name), read_results(root, name)) for name in sorted(ABLATIONS, key=_place)]


def _place(name: str) -> tuple[int, str]:
    """The tables of the paper by their numbers, 2f before 12, then those without one."""
    number = "".join(takewhile(str.isdigit, name))
    return int(number) if number else sys.maxsize, name


def findings_of(ablation: Ablation, results: Sequence[RunResult]) -> Findings:
    """What results say of an ablation; those of other versions are kept apart."""
    kept, others = split_versions(results, ablation.metric)
    contrasts = []
    for contrast in ablation.contrasts:
        found = contrast_of(kept, contrast, ablation)
        contrasts.append(
            Finding(
                contrast=contrast,
                paper=paper_difference(ablation, contrast),
                found=found,
                verdict=verdict_of(found, contrast.expected, ablation),
            )
        )
    return Findings(
        ablation=ablation,
        contrasts=tuple(contrasts),
        arms=tuple(_arm(arm.name, kept, ablation.metric) for arm in ablation.arms),
        results=tuple(kept),
        apart={version: _means(of) for version, of in others.items()},
    )


def _arm(name: str, results: Sequence[RunResult], metric: str) -> ArmFound:
    mine = sorted((one for one in results if one.arm == name), key=lambda one: one.seed)
    counted = [float(one.about["image_tokens"]) for one in mine if "image_tokens" in one.about]
    return ArmFound(
        name=name,
        scores={one.seed: one.score(metric) for one in mine},
        diverged=sum(one.diverged for one in mine),
        tokens=sum(counted) / len(counted) if counted else None,
    )


def _means(results: Sequence[RunResult]) -> dict[str, float]:
    """Of results of one version, each by the metric that it was made for."""
    arms = dict.fromkeys((one.arm, one.metric) for one in results)
    return {name: _arm(name, results, metric).mean for name, metric in arms}


def table_rows(findings: Findings) -> tuple[list[str], list[list[str]]]:
    """Heads and one row a contrast."""
    return list(_HEADS), [_row(one) for one in findings.contrasts]


def _row(one: Finding) -> list[str]:
    contrast, found = one.contrast, one.found
    first = [f"{contrast.arm} against {contrast.against}", _SIGNS[contrast.expected], one.paper or "-"]
    if found is None:
        return [*first, "-", "-", "0", one.verdict if one.verdict == "cannot be shown here" else "not run"]
    interval = f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
    seeds = f"{found.seeds}" + (f" ({found.diverged} diverged)" if found.diverged else "")
    return [*first, f"{100 * found.difference:+.1f}", interval, seeds, one.verdict]


def print_summary(every: Sequence[Findings]) -> None:
    """One table on standard output of all contrasts that have results; what has none is named below it."""
    rows = [[one.ablation.name, *_row(finding)] for one in every for finding in one.contrasts if finding.found]
    if rows:
        print_table("Ablations, differences in points of a hundred", ["ablation", *_HEADS], rows)
    left = [one.ablation.name for one in every if not any(finding.found for finding in one.contrasts)]
    if left:
        click.echo(f"no results yet: {', '.join(left)}")


def render_markdown(every: Sequence[Findings]) -> str:
    """Every ablation with its tables, written by the command alone."""
    lines = [
        "# Ablations in miniature",
        "",
        "Written by `openmolmo ablate report --markdown`; do not edit. Differences are in points of a hundred of the",
        "metric, the first arm less the second, with the 95 % interval over seeds and pictures",
        "([how they are made](how-to/ablate.md)). The paper's numbers are of arXiv 2409.17146, at full scale and by",
        "other metrics: only their signs can be put beside ours.",
        "",
        *_table(["ablation", *_HEADS], [[one.ablation.name, *_row(f)] for one in every for f in one.contrasts]),
    ]
    for one in every:
        lines += ["", *_section(one)]
    return "\n".join(lines) + "\n"


def _section(one: Findings) -> list[str]:
    ablation = one.ablation
    lines = [f"## {ablation.name}: {ablation.title}", "", f"{ablation.question} ({ablation.table})"]
    lines += ["", f"World *{ablation.world.name}*: {ablation.world.about} Metric: `{ablation.metric}`."]
    for said in (ablation.note, ablation.cannot and f"Cannot be shown here: {ablation.cannot}"):
        lines += ["", said] if said else []
    if not one.results:
        return [*lines, "", "No runs yet."]
    lines += ["", *_table(*_arm_table(one))]
    papers = [[row.setting, row.arm or "-", row.metric, f"{row.value:g}"] for row in ablation.paper]
    if papers:
        lines += ["", *_table(["in the paper", "arm here", "metric", "value"], papers)]
    lines += ["", f"Made again by `{_command(one)}`, {one.seconds / 3600:.1f} hours of one core."]
    for version, means in one.apart.items():
        told = ", ".join(f"{arm} {100 * mean:.1f}" for arm, mean in means.items())
        lines += ["", f"Kept apart, by {version}: {told}."]
    return lines


def _arm_table(one: Findings) -> tuple[list[str], list[list[str]]]:
    """Heads and one row an arm. Where arms read pictures in more and fewer image tokens: how many, and the gain over
    the arm that reads the fewest, in points for ten tokens more."""
    heads, found = ["arm", "mean", "by seed"], [arm for arm in one.arms if arm.scores]
    rows = [[arm.name, *_arm_cells(arm)] for arm in found]
    counted = [arm for arm in found if arm.tokens is not None]
    fewest = min(counted, key=lambda arm: arm.tokens or 0.0, default=None)
    if fewest is None or fewest.tokens is None or len({arm.tokens for arm in counted}) == 1:
        return heads, rows
    for arm, row in zip(found, rows, strict=True):
        more = 0.0 if arm.tokens is None else arm.tokens - fewest.tokens
        gain = f"{1000 * (arm.mean - fewest.mean) / more:+.1f}" if more > 0 else "-"
        row += ["-" if arm.tokens is None else f"{arm.tokens:.1f}", gain]
    return [*heads, "image tokens", "gain for ten"], rows


def _arm_cells(arm: ArmFound) -> list[str]:
    by_seed = ", ".join(f"{100 * score:.1f}" for score in arm.scores.values())
    return [f"{100 * arm.mean:.1f}", by_seed + (f" ({arm.diverged} diverged)" if arm.diverged else "")]


def _command(one: Findings) -> str:
    seeds = len({result.seed for result in one.results})
    scale = f" --scale {one.scale:g}" if one.scale != 1 else ""
    return f"openmolmo ablate run {one.ablation.name} --seeds {max(2, seeds)}{scale}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def render_html(every: Sequence[Findings], root: Path) -> str:
    """One self-contained page, with the curves of the first seed of every arm."""
    return page(
        "openmolmo.recipes.ablate",
        "ablations.html.j2",
        title="openmolmo: ablations in miniature",
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        heads=_HEADS,
        every=[_view(one, root) for one in every],
    )


def _view(one: Findings, root: Path) -> dict[str, Any]:
    return {
        "ablation": one.ablation,
        "rows": [_row(finding) for finding in one.contrasts],
        "arm_table": _arm_table(one),
        "apart": one.apart,
        "command": _command(one),
        "hours": one.seconds / 3600,
        "curves": arm_curves(one.results, root),
        "ran": bool(one.results),
    }


def to_json(every: Sequence[Findings]) -> dict[str, Any]:
    """JSON values: every contrast and every arm's scores, with the machines and the code that made them."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "ablations": {one.ablation.name: _json(one) for one in every},
    }


def _json(one: Findings) -> dict[str, Any]:
    machines = {str(result.about["machine"]): result.about["machine"] for result in one.results}
    return {
        "table": one.ablation.table,
        "question": one.ablation.question,
        "world": one.ablation.world.name,
        "metric": one.ablation.metric,
        "cannot": one.ablation.cannot,
        "command": _command(one),
        "contrasts": [_contrast_json(finding) for finding in one.contrasts],
        "arms": {arm.name: {"seeds": arm.scores, "diverged": arm.diverged, **_tokens(arm)} for arm in one.arms},
        "seconds": round(one.seconds),
        "machines": list(machines.values()),
        "apart": one.apart,
    }


def _tokens(arm: ArmFound) -> dict[str, float]:
    return {} if arm.tokens is None else {"image_tokens": round(arm.tokens, 2)}


def _contrast_json(one: Finding) -> dict[str, Any]:
    found = one.found
    numbers = None
    if found is not None:
        numbers = {
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
            "by_seed": found.by_seed,
            "questions": found.questions,
            "pictures": found.pictures,
            "diverged": found.diverged,
        }
    contrast = one.contrast
    told = {"arm": contrast.arm, "against": contrast.against, "expected": contrast.expected}
    return {**told, "paper": one.paper, "found": numbers, "verdict": one.verdict}
