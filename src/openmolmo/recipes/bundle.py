"""A trained run as a model of the package: weights in float16, tokenizer, processor and a model card.

    python -m openmolmo.recipes.bundle runs/nano_sft src/openmolmo/bundled/nano \\
        --stage runs/nano_encoder --stage runs/nano_caption

The card's facts are read from the run's own records and from an evaluation made on the spot; its
prose is ``templates/model_card.md.j2``.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import jinja2
import torch

from openmolmo.core.errors import CheckpointError
from openmolmo.core.files import atomic_dir, write_json, write_text
from openmolmo.core.runlog import read_jsonl
from openmolmo.evaluation.card import KNOWN, judge_card
from openmolmo.evaluation.known_world.measure import known_pictures, learn
from openmolmo.evaluation.session import Setup
from openmolmo.inference.load import load
from openmolmo.model.checkpoint import load_model, save_model
from openmolmo.model.components import parameter_counts
from openmolmo.model.known_world import read_known_world
from openmolmo.prompting.processor import Processor

__all__ = ["bundle", "earlier_stages", "stage_facts", "take_known_world", "write_card"]

MAX_BYTES = 20_000_000
"""What a bundled model may weigh in the package."""


def stage_facts(run: Path) -> dict[str, Any]:
    """Steps, pictures, tokens, hours and final loss of a training run, from its metrics and configuration.

    A line stands for all steps since the one before (``log_every``); a run without text has no tokens.
    """
    lines = read_jsonl(run / "metrics.jsonl")
    if not lines:
        raise CheckpointError(f"{run} has no training metrics", fix="give the folder of a finished run")
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    steps, last = lines[-1]["step"], lines[-100:]
    per_line = steps / len(lines)
    return {
        "name": config["name"],
        "steps": steps,
        "examples": lines[-1]["examples"],
        "tokens": round(per_line * sum(line.get("tokens_per_s", 0) * line["seconds"] for line in lines)),
        "hours": per_line * sum(line["seconds"] for line in lines) / 3600,
        "loss": sum(line["loss"] for line in last) / len(last),
    }


def earlier_stages(card: Path) -> list[str]:
    """The rows of stages in a model card, for a model that was trained on from that one."""
    rows = re.findall(r"^\| `\w+` \|.*\|$", card.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if not rows:
        raise CheckpointError(f"{card} has no table of stages", fix="give the README.md of a bundled model")
    return rows


def write_card(folder: Path, stages: list[dict[str, Any]], setup: Setup, *, before: Sequence[str] = ()) -> None:
    """Judge the model in ``folder`` and write its README.md and scores.json there.

    ``before``: rows of the stages of the model that the first stage started from.
    """
    scores = judge_card(setup)
    meta = {**next(iter(scores.worlds.values())).meta, "model": folder.name}
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("openmolmo.recipes"), undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    card = environment.get_template("model_card.md.j2").render(
        name=folder.name,
        before=before,
        stages=stages,
        parts=parameter_counts(load_model(folder)),
        machine=f"{torch.get_num_threads()} cores, {platform.machine()}, no GPU; torch {torch.__version__}",
        tables=scores.tables(),
        known=scores.known_table(),
        meta=meta,
        setup=setup,
    )
    write_text(folder / "README.md", card)
    write_json(folder / "scores.json", {"meta": meta, "scores": scores.headlines(), "known_world": scores.known})


def _learn_world(folder: Path) -> None:
    """Let the model learn which pictures it knows, to say so of others."""
    predictor = load(folder)
    learn(predictor, known_pictures(predictor, None, KNOWN, 200, fitting=True)).write(folder)


def take_known_world(known: Path, folder: Path) -> None:
    """Give the model in ``folder`` what another one knows of the pictures that it knows.

    That is a matter of the encoder. Raises CheckpointError where theirs differ, or where there is nothing to take.
    """
    encoder = load_model(folder).encoder
    world = read_known_world(known, encoder, encoder.width)
    if world is None:
        raise CheckpointError(
            f"{known} has nothing on known pictures that goes with the encoder of {folder}",
            fix="leave --known out: it is learnt",
        )
    world.write(folder)


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--stage",
    "earlier",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A run before it; give all, in order.",
)
@click.option(
    "--continues",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Card of the model that the first stage started from: its stages come before.",
)
@click.option(
    "--known",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A model with the same encoder, which knows what pictures it knows: that is taken over, and not learnt anew.",
)
@click.option("--count", default=500, show_default=True, help="Held-out examples a generator for the card's scores.")
def bundle(
    run: Path, out: Path, earlier: tuple[Path, ...], continues: Path | None, known: Path | None, count: int
) -> None:
    """Write the final checkpoint of RUN as the bundled model OUT, with a model card."""
    stages = [stage_facts(folder) for folder in (*earlier, run)]
    before = earlier_stages(continues) if continues is not None else []
    with atomic_dir(out) as folder:
        save_model(load_model(run / "final"), folder, torch.float16)
        Processor.from_pretrained(run / "final").save_pretrained(folder)
        size = sum(path.stat().st_size for path in folder.iterdir())
        if size > MAX_BYTES:
            raise CheckpointError(f"the model takes {size:,} bytes, a bundled one may take {MAX_BYTES:,}")
    if known is None:
        _learn_world(out)
    else:
        take_known_world(known, out)
    write_card(out, stages, Setup(model=str(out), count=count), before=before)


if __name__ == "__main__":
    bundle()
