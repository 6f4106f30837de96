"""Curves of a run as a picture: loss, learning rates, gradient norms."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from openmolmo.core.errors import DataError, MissingDependencyError
from openmolmo.core.files import atomic_file
from openmolmo.core.optional import require
from openmolmo.core.progress import console
from openmolmo.core.runlog import read_jsonl

__all__ = ["plot_metrics", "try_plot"]


def try_plot(log: Path, picture: Path) -> None:
    """:func:`plot_metrics` at the end of a run: without matplotlib, or a line in the log, it only says so."""
    try:
        plot_metrics(log, picture)
    except (MissingDependencyError, DataError) as error:
        console.print(f"no curves drawn: {error}", highlight=False)


def plot_metrics(log: Path, picture: Path) -> Path:
    """Draw ``metrics.jsonl`` as PNG. Raises DataError for an empty log, MissingDependencyError without matplotlib."""
    rows = read_jsonl(log)
    if not rows:
        raise DataError("the run log is empty: there is nothing to draw", file=str(log))
    require("matplotlib", extra="train")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps = np.array([row["step"] for row in rows])
    measure = "ce" if "ce" in rows[0] else "loss"
    losses = np.array([row[measure] for row in rows])
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    loss_axes, rate_axes, norm_axes = figure.subplots(1, 3)
    loss_axes.plot(steps, losses, color="0.8", linewidth=0.7)
    loss_axes.plot(steps, _smooth(losses), color="C3")
    loss_axes.set(title="cross-entropy (nats per token)" if measure == "ce" else "loss", xlabel="step")
    for part in rows[0]["lr"]:
        rate_axes.plot(steps, [row["lr"][part] for row in rows], label=part)
        norm_axes.plot(steps, [row["norm"][part] for row in rows], label=part, linewidth=0.8)
    rate_axes.set(title="learning rate", xlabel="step")
    norm_axes.set(title="gradient norm before clipping", xlabel="step", yscale="log")
    rate_axes.legend(fontsize="small")
    with atomic_file(picture) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    return picture


def _smooth(values: np.ndarray) -> np.ndarray:
    """Running mean over about a fiftieth of the run."""
    width = max(1, len(values) // 50)
    padded = np.concatenate([np.full(width - 1, values[0]), values])
    smoothed: np.ndarray = np.convolve(padded, np.ones(width) / width, mode="valid")
    return smoothed
