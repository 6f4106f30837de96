"""``openmolmo eval known-world MODEL``: how well a model tells pictures that are unlike what it knows."""

from __future__ import annotations

from pathlib import Path

import click

from openmolmo.core.errors import CheckpointError, ConfigError

__all__ = ["known_world"]


@click.command("known-world")
@click.argument("model", default="nano")
@click.option("--fit", "fitting", is_flag=True, help="First learn what the model knows, and write it into its folder.")
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="A data set of known pictures.")
@click.option(
    "--synth",
    default="scenes,easy_scenes,icons,cards,clocks",
    show_default=True,
    help="Generators of them, without --data.",
)
@click.option("--count", default=200, show_default=True, type=click.IntRange(min=20), help="Of a generator and size.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the rates as JSON here.")
def known_world(model: str, fitting: bool, data: Path | None, synth: str, count: int, out: Path | None) -> None:
    """Say how often known pictures, photographs and other pictures are called unlike what MODEL knows.

    Photographs are those of scikit-image. Known pictures are held out: what is fitted is not measured.
    """
    from openmolmo.core.files import require_writable, write_json
    from openmolmo.evaluation.known_world.measure import known_pictures, learn, measure
    from openmolmo.evaluation.known_world.rates import table
    from openmolmo.inference.load import load
    from openmolmo.model.find import find_model

    if out is not None:
        if out.is_dir():
            raise ConfigError(f"--out {out} is a folder", fix="give a file's name, e.g. rates.json")
        require_writable(out)
    predictor, folder = load(model), find_model(model)
    given = known_pictures(predictor, data, [name.strip() for name in synth.split(",") if name.strip()], count, fitting)
    if fitting:
        predictor.model.known_world = learn(predictor, given)
        predictor.model.known_world.write(folder)
        click.echo(f"written into {folder}", err=True)
    world = predictor.model.known_world
    if world is None:
        raise CheckpointError(f"{model} does not say what it knows", fix="--fit learns it from known pictures")
    found = measure(predictor, world, given.test)
    click.echo(table(found))
    if out is not None:
        write_json(out, found)
