"""What was found, as text, Markdown, JSON and one page with curves; every sentence follows from the figures."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from openmolmo.core.pages import page
from openmolmo.core.progress import print_table
from openmolmo.recipes.scaling.base import FACTORS
from openmolmo.recipes.scaling.findings import Check, Found
from openmolmo.recipes.scaling.plot import panel
from openmolmo.recipes.scaling.sentences import (
    count_of,
    interval,
    law_text,
    says_check,
    says_prediction,
    says_runs,
    says_slope,
    verdict,
)

__all__ = ["print_summary", "render_html", "render_markdown", "to_json"]

_HEADS = ("factor", "measured", "exponent (95 %)", "fall, nats (95 %)", "verdict")
_INTRO = (
    "Loss is the cross-entropy of held-out captions in nats a token, the same pictures and the same targets for every "
    "run. Intervals are of 95 % of the laws that come out when runs are drawn again with replacement; they know how "
    "runs scatter, and not whether the law holds beyond them."
)


def print_summary(every: Sequence[Found]) -> None:
    """One table of all factors on standard output, and what goes with it."""
    rows = []
    for one in every:
        rows += [[one.grid.name, *row] for row in _slope_rows(one)] or [[one.grid.name, *["-"] * 4, verdict(one)]]
    print_table("Scaling", ["grid", *_HEADS], rows)


def _slope_rows(one: Found) -> list[list[str]]:
    if one.laws is None:
        return []
    return [
        [
            slope.factor,
            f"{count_of(slope.smallest)} to {count_of(slope.largest)}",
            interval(slope.exponent, 2),
            interval(slope.fall),
            slope.verdict,
        ]
        for slope in one.laws.slopes
    ]


def _run_rows(one: Found) -> tuple[list[str], list[list[str]]]:
    """Heads and one row a setting: its factors, the loss of every seed, and what the law says."""
    heads = [*one.grid.factors, "loss by seed", *(["by the law"] if one.laws else [])]
    rows = []
    for key in sorted({tuple(point.values[name] for name in one.grid.factors) for point in one.points}):
        values = dict(zip(one.grid.factors, key, strict=True))
        losses = sorted((point.seed, point.loss) for point in one.points if point.values == values)
        row = [*(count_of(value) for value in key), ", ".join(f"{loss:.3f}" for _, loss in losses)]
        rows.append([*row, f"{one.laws.law(values):.3f}"] if one.laws else row)
    return heads, rows


def _command(one: Found) -> str:
    seeds = len({point.seed for point in one.points}) or one.grid.ablation.seeds
    scale = f" --scale {one.scale:g}" if one.scale != 1 else ""
    return f"openmolmo scaling run {one.grid.name} --seeds {seeds}{scale}"


def render_markdown(every: Sequence[Found]) -> str:
    """Every grid with its tables, written by the command alone."""
    lines = ["# Scaling laws in miniature", ""]
    lines += ["Written by `openmolmo scaling report --markdown`; do not edit ([how](how-to/scaling-laws.md))."]
    lines += ["", _INTRO]
    for one in every:
        lines += ["", *_section(one)]
    return "\n".join(lines) + "\n"


def _section(one: Found) -> list[str]:
    ablation = one.grid.ablation
    lines = [
        f"## {ablation.title}",
        "",
        ablation.question,
        "",
        f"World *{ablation.world.name}*: {ablation.world.about}",
    ]
    lines += ["", ablation.note] if ablation.note else []
    if not one.results:
        return [*lines, "", f"No runs yet: `{_command(one)}` makes them."]
    lines += ["", " ".join(says_runs(one)), "", *_table(*_run_rows(one))]
    if one.laws is None:
        return [*lines, "", f"No law: {one.refusal}."]
    lines += ["", f"`{law_text(one.laws)}`", "", f"Floor: {interval(one.laws.floor)} nats."]
    lines += [f"Residuals: {100 * one.laws.law.spread:.2f} %.", "", *_table(_HEADS, _slope_rows(one)), ""]
    lines += [f"- {says_slope(slope)}" for slope in one.laws.slopes]
    lines += ["", "### Did the smaller runs foresee the largest?", "", *(f"- {says_check(c)}" for c in one.laws.checks)]
    if one.laws.predictions:
        lines += ["", "### What it predicts, and how wrong that may be", ""]
        lines += [f"- {says_prediction(each, one.laws)}" for each in one.laws.predictions]
    lines += ["", f"What cannot carry over: {one.grid.limits}"] if one.grid.limits else []
    return [*lines, "", f"Made again by `{_command(one)}`, {one.seconds / 60:.0f} minutes of one core."]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def render_html(every: Sequence[Found]) -> str:
    """One self-contained page with curves."""
    return page(
        "openmolmo.recipes.scaling",
        "scaling.html.j2",
        title="openmolmo: scaling laws in miniature",
        date=_today(),
        intro=_INTRO,
        heads=_HEADS,
        every=[_view(one) for one in every],
    )


def _view(one: Found) -> dict[str, Any]:
    laws = one.laws
    run_heads, run_rows = _run_rows(one)
    return {
        "grid": one.grid,
        "ran": bool(one.results),
        "runs": " ".join(says_runs(one)),
        "run_heads": run_heads,
        "run_rows": run_rows,
        "refusal": one.refusal,
        "law": law_text(laws) if laws else "",
        "floor": interval(laws.floor) if laws else "",
        "spread": 100 * laws.law.spread if laws else 0.0,
        "slopes": _slope_rows(one),
        "said": [says_slope(slope) for slope in laws.slopes] if laws else [],
        "panels": [
            (f"Loss over {name}" + (", as far as is predicted" if far else ""), FACTORS[name], drawn)
            for name in one.grid.factors
            for far in (False, True)
            if (drawn := panel(one, name, far=far)) is not None
        ],
        "checks": [says_check(check) for check in laws.checks] if laws else [],
        "predictions": [says_prediction(each, laws) for each in laws.predictions] if laws else [],
        "command": _command(one),
        "minutes": one.seconds / 60,
    }


def to_json(every: Sequence[Found]) -> dict[str, Any]:
    """JSON values: every run, the law, its intervals, checks and predictions, and the machines that made them."""
    return {"date": _today(), "grids": {one.grid.name: _json(one) for one in every}}


def _json(one: Found) -> dict[str, Any]:
    machines = {str(result.about["machine"]): result.about["machine"] for result in one.results}
    made: dict[str, Any] = {
        "question": one.grid.ablation.question,
        "world": one.grid.ablation.world.name,
        "factors": {name: FACTORS[name] for name in one.grid.factors},
        "command": _command(one),
        "runs": [dataclasses.asdict(point) for point in one.points],
        "missing": [list(run) for run in one.missing],
        "diverged": [list(run) for run in one.diverged],
        "apart": dict(one.apart),
        "refusal": one.refusal,
        "seconds": round(one.seconds),
        "scale": one.scale,
        "machines": list(machines.values()),
    }
    if one.laws is not None:
        made |= {
            "law": dataclasses.asdict(one.laws.law),
            "without_floor": dataclasses.asdict(one.laws.pure),
            "draws": len(one.laws.draws),
            "floor": dataclasses.asdict(one.laws.floor),
            "slopes": [{**dataclasses.asdict(each), "said": says_slope(each)} for each in one.laws.slopes],
            "checks": [_check_json(each) for each in one.laws.checks],
            "predictions": [
                {**dataclasses.asdict(each), "said": says_prediction(each, one.laws)} for each in one.laws.predictions
            ],
        }
    return made


def _check_json(one: Check) -> Mapping[str, Any]:
    error = {"error": one.error} if one.predicted is not None else {}
    return {**dataclasses.asdict(one), **error, "said": says_check(one)}


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
