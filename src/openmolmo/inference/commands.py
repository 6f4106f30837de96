"""``openmolmo ask|caption|point|count IMAGE [TEXT]``: one or several pictures, text on the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from openmolmo.core.errors import ImageError, OpenMolmoError
from openmolmo.core.files import atomic_file
from openmolmo.inference.answer import Answer
from openmolmo.inference.requests import Request, ask_request, caption_request, count_request, point_request

__all__ = ["ask", "caption", "count", "point"]

F = TypeVar("F", bound=Callable[..., Any])

_SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def _options(command: F) -> F:
    """What all four commands take."""
    for option in (
        click.option("--device", default=None, help="cpu or cuda; the accelerator if there is one, by default."),
        click.option("--seed", default=0, show_default=True, help="Seed of the draws where temperature is above 0."),
        click.option("--top-p", default=1.0, show_default=True, help="Draw among the likeliest tokens of this total."),
        click.option("--temperature", default=0.0, show_default=True, help="0: always the likeliest token."),
        click.option("--max-new-tokens", default=512, show_default=True, type=click.IntRange(min=1), help="Limit."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text."),
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            help="Write the picture with the points drawn to this file (a folder where several pictures are given).",
        ),
        click.option(
            "--model",
            default="nano",
            show_default=True,
            help="A bundled model's name, a checkpoint folder or the folder of a training run.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.argument("text")
@click.option("--style", default=None, help="Tag of the training data, e.g. vqa2 for an answer of a word or two.")
@_options
def ask(images: tuple[str, ...], text: str, style: str | None, **options: Any) -> None:
    """Ask the question TEXT about a picture (about each one, where several are given)."""
    _answer(images, lambda image: ask_request(image, text, style), **options)


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--length", default=None, type=click.IntRange(0, 500), help="In units of 15 characters; the model's own by default."
)
@_options
def caption(images: tuple[str, ...], length: int | None, **options: Any) -> None:
    """Describe a picture in detail."""
    _answer(images, lambda image: caption_request(image, length), **options)


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.argument("text")
@_options
def point(images: tuple[str, ...], text: str, **options: Any) -> None:
    """Point to every TEXT in a picture, e.g.: openmolmo point photo.jpg "red star" --out points.png"""
    _answer(images, lambda image: point_request(image, text), **options)


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.argument("text")
@_options
def count(images: tuple[str, ...], text: str, **options: Any) -> None:
    """Count every TEXT in a picture, by pointing, e.g.: openmolmo count photo.jpg "red stars" """
    _answer(images, lambda image: count_request(image, text), counting=True, **options)


def _answer(
    images: Sequence[str],
    make: Callable[[str], Request],
    *,
    model: str,
    out: Path | None,
    as_json: bool,
    max_new_tokens: int,
    counting: bool = False,
    **rest: Any,
) -> None:
    """Check everything that can be wrong, load the model, ask about every picture, show the answers."""
    from openmolmo.imaging import open_image

    requests = [make(image) for image in images]
    for image in images:
        if not Path(image).is_file():
            raise ImageError(f"there is no picture {image}", kind="missing", fix="check the path")
    targets = _targets(images, out)
    for image in images:
        open_image(image)  # a bad picture is reported before the model is loaded
    answers = _load(model, max_new_tokens, **rest).answer_batch(requests)
    if as_json:
        shown = [{"image": i, "model": model, **a.to_json()} for i, a in zip(images, answers, strict=True)]
        click.echo(json.dumps(shown if len(shown) > 1 else shown[0], indent=2, ensure_ascii=False))
    for image, answer, target in zip(images, answers, targets, strict=True):
        if not as_json:
            _show(f"{image}: " if len(images) > 1 else "", answer, counting)
        if not answer.finished:
            click.echo(f"note: cut after {max_new_tokens} tokens; --max-new-tokens N gives more", err=True)
        if target is not None:
            _draw(image, answer, target)


def _load(model: str, max_new_tokens: int, *, device: str | None, temperature: float, top_p: float, seed: int) -> Any:
    from openmolmo.inference.load import load
    from openmolmo.inference.sampling import Sampling

    sampling = Sampling(temperature=temperature, top_p=top_p, seed=seed)
    return load(model, device=device, max_new_tokens=max_new_tokens, sampling=sampling)


def _targets(images: Sequence[str], out: Path | None) -> list[Path | None]:
    """Where each annotated picture goes; for several pictures ``out`` is a folder."""
    if out is None:
        return [None] * len(images)
    if len(images) > 1:
        if out.is_file() or out.suffix.lower() in _SUFFIXES:
            raise click.UsageError(f"{len(images)} pictures are given, so --out must be a folder, not {out}")
        # Numbered, since pictures of different folders may share a name.
        return [out / f"{number}-{Path(image).stem}.png" for number, image in enumerate(images, start=1)]
    if out.is_dir():
        return [out / f"{Path(images[0]).stem}-points.png"]
    if out.suffix.lower() not in _SUFFIXES:
        raise click.UsageError(f"--out {out}: the name must end in {', '.join(_SUFFIXES)}")
    return [out]


def _show(before: str, answer: Answer, counting: bool) -> None:
    from openmolmo.prompting.points import without_points

    click.echo(before + without_points(answer.text))
    for number, found in enumerate(answer.points, start=1):
        place = f"{found.x:5.1f} % {found.y:5.1f} %   pixel {found.x_pixel}, {found.y_pixel}"
        click.echo(f"  {number:2d}  {place}   {found.label}")
    if counting:
        click.echo(f"count: {'no number could be read' if answer.count is None else answer.count}")


def _draw(image: str, answer: Answer, target: Path) -> None:
    """Write the annotated picture; without a point there is nothing to draw, and that is an error."""
    from openmolmo.imaging import open_image
    from openmolmo.inference.draw import draw_points

    if not answer.points:
        raise OpenMolmoError(f"no points were found in {image}, so {target} was not written")
    with atomic_file(target) as temporary:
        draw_points(open_image(image), answer.points).save(temporary, format=_SUFFIXES[target.suffix.lower()])
    click.echo(f"points drawn: {target}", err=True)
