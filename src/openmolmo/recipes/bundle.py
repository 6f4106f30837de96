"""A trained run as a model of the package: weights in float16, tokenizer, processor and a model card.

    python -m openmolmo.recipes.bundle runs/nano_sft src/openmolmo/bundled/nano \\
        --stage runs/nano_encoder --stage runs/nano_caption

The card's facts are read from the run's own records and from an evaluation made on the spot; its
prose is ``templates/model_card.md.j2``.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import click
import jinja2
import torch

from openmolmo.core.errors import CheckpointError
from openmolmo.core.files import atomic_dir, write_json, write_text
from openmolmo.core.runlog import read_jsonl
from openmolmo.evaluation.known_world.measure import known_pictures, learn, measure
from openmolmo.evaluation.known_world.rates import table
from openmolmo.evaluation.report import markdown_table
from openmolmo.evaluation.session import Setup, judge
from openmolmo.inference.load import load
from openmolmo.model.checkpoint import load_model, save_model
from openmolmo.model.components import parameter_counts
from openmolmo.prompting.processor import Processor

__all__ = ["bundle", "stage_facts", "write_card"]

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


def write_card(folder: Path, stages: list[dict[str, Any]], setup: Setup, *, known: str = "") -> None:
    """Judge the model in ``folder`` and write its README.md and results.json there.

    ``known``: the table of pictures called unlike what it knows.
    """
    results = judge(setup)
    meta = {**results.meta, "model": folder.name}
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("openmolmo.recipes"), undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    card = environment.get_template("model_card.md.j2").render(
        name=folder.name,
        stages=stages,
        parts=parameter_counts(load_model(folder)),
        machine=f"{torch.get_num_threads()} cores, {platform.machine()}, no GPU; torch {torch.__version__}",
        table=markdown_table(results),
        known=known,
        meta=meta,
        setup=setup,
    )
    write_text(folder / "README.md", card)
    write_json(folder / "scores.json", {"meta": meta, "scores": results.headlines()})


def _learn_world(folder: Path) -> str:
    """Let the model learn which pictures it knows; the table of how well it tells."""
    predictor = load(folder)
    given = known_pictures(predictor, None, ("scenes", "easy_scenes", "clocks"), 200, fitting=True)
    world = learn(predictor, given)
    world.write(folder)
    return table(measure(predictor, world, given.test))


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
@click.option("--count", default=500, show_default=True, help="Held-out examples a generator for the card's scores.")
def bundle(run: Path, out: Path, earlier: tuple[Path, ...], count: int) -> None:
    """Write the final checkpoint of RUN as the bundled model OUT, with a model card."""
    stages = [stage_facts(folder) for folder in (*earlier, run)]
    with atomic_dir(out) as folder:
        save_model(load_model(run / "final"), folder, torch.float16)
        Processor.from_pretrained(run / "final").save_pretrained(folder)
        size = sum(path.stat().st_size for path in folder.iterdir())
        if size > MAX_BYTES:
            raise CheckpointError(f"the model takes {size:,} bytes, a bundled one may take {MAX_BYTES:,}")
    write_card(out, stages, Setup(model=str(out), count=count), known=_learn_world(out))


if __name__ == "__main__":
    bundle()
