"""``openmolmo compose`` and ``openmolmo export``: model folders made of other model folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from openmolmo.core.errors import ConfigError

__all__ = ["compose", "export"]


@click.command()
@click.option("--vision", required=True, metavar="REPO_OR_FOLDER", help="A CLIP, SigLIP, DINOv2 or MetaCLIP model.")
@click.option("--llm", required=True, metavar="REPO_OR_FOLDER", help="A language model with its tokenizer.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The new model's folder.")
@click.option(
    "--style",
    type=click.Choice(["clip", "siglip", "dinov2", "metaclip"]),
    help="How crops are resized and normalised; the encoder's own by default (MetaCLIP 1 has to be named).",
)
@click.option("--crop-size", type=click.IntRange(min=1), help="Pixels of a crop's side; the encoder's own by default.")
@click.option("--max-crops", type=click.IntRange(min=1), default=12, show_default=True, help="Beside the global one.")
@click.option("--feature-layers", metavar="A,B", help='Encoder blocks, from the last: "-3,-10" for CLIP by default.')
@click.option(
    "--pooling",
    type=click.Choice(["attention", "stack"]),
    default="attention",
    show_default=True,
    help="Of 2x2 patches.",
)
@click.option(
    "--layout",
    type=click.Choice(["ours", "released"]),
    default="ours",
    show_default=True,
    help="released: one that `openmolmo export` can write in the released layout once it is trained.",
)
@click.option("--any-size", is_flag=True, help="With --layout released: also sizes that need export's --any-size.")
@click.option("--seed", default=0, show_default=True, help="Seed of the connector's first weights.")
def compose(out: Path, feature_layers: str | None, **settings: Any) -> None:
    """Make an untrained Molmo of a published vision encoder and a published language model.

    Their weights are copied; the connector and the rows of the special tokens are new. Train it before you ask.
    """
    from openmolmo.inference.folders.compose import ComposeConfig
    from openmolmo.inference.folders.compose import compose as make

    counts = make(ComposeConfig(feature_layers=_layers(feature_layers), **settings), out)
    parts = ", ".join(f"{part} {count:,}" for part, count in counts.items())
    click.echo(f"{out}: {sum(counts.values()):,} parameters ({parts})")


def _layers(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--feature-layers {text!r} are not whole numbers", fix='write e.g. "-3,-10"') from error


@click.command()
@click.argument("model")
@click.option(
    "--layout",
    type=click.Choice(["released", "mlx"]),
    default="released",
    show_default=True,
    help="mlx: the released one with the settings that mlx-vlm reads; Qwen2 only.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The new folder.")
@click.option("--like", metavar="REPO_OR_FOLDER", help="The released model it came from; its files are kept.")
@click.option("--tokenizer", metavar="FOLDER_OR_REPO", help="For a training checkpoint, which has none of its own.")
@click.option("--any-size", is_flag=True, help="Also sizes that only openmolmo reads from such a folder.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    show_default=True,
    help="Type of the stored weights.",
)
@click.option("--check", is_flag=True, help="Read the folder again and compare logits.")
def export(model: str, layout: str, out: Path, **options: Any) -> None:
    """Write MODEL in the layout of the released models, for programs that were made for those.

    Settings that the layout cannot express are an error that names them all.
    """
    from openmolmo.inference.folders.export import export as write

    assert layout == "released"
    report = write(model, out, **options)
    if report.steps is not None and report.steps[0] < report.steps[1]:
        step, steps = report.steps
        click.echo(f"note: {model} is the model of a run that is not finished: step {step} of {steps}", err=True)
    for name, size in report.files.items():
        click.echo(f"{name}  {size:,} bytes")
    if report.logit_difference is not None:
        click.echo(f"checked: logits differ by {report.logit_difference:g}")
