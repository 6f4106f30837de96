"""``openmolmo ask|caption|point|count IMAGE... [TEXT]`` and ``openmolmo answer REQUESTS``."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from openmolmo.inference.request_file import asked_of_each, find_pictures, read_requests
from openmolmo.inference.running import Shown, answer_file, answer_folder, show_answers
from openmolmo.inference.settings import Settings
from openmolmo.words.requests import Request, ask_request, caption_request, count_request, point_request

__all__ = ["answer", "ask", "caption", "count", "point"]

_ENDINGS = (".avif", ".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Names that end so are meant as pictures, where a text was expected."""

F = TypeVar("F", bound=Callable[..., Any])

_MODEL_OPTIONS = (
    click.option("--batch-size", default=16, show_default=True, type=click.IntRange(min=1), help="Decoded together."),
    click.option(
        "--dtype", default=None, type=click.Choice(["float32", "bfloat16", "float16"]), help="float32 by default."
    ),
    click.option(
        "--compile", is_flag=True, help="Compile the steps of decoding; the first replies are slow, the others quicker."
    ),
    click.option(
        "--resize",
        default=None,
        type=click.Choice(["exact", "fast"]),
        help="fast: pictures at most 1/255 off; by default as the model's settings say.",
    ),
    click.option(
        "--keep-crops",
        default=None,
        type=click.IntRange(min=0),
        help="So many high-resolution crops of each picture, chosen by --crop-policy; by default as the model's say.",
    ),
    click.option(
        "--crop-policy",
        default=None,
        metavar="NAME",
        help="all, random, uniform, learned, or one of your own: which crops are kept.",
    ),
    click.option(
        "--quantize",
        default=None,
        type=click.Choice(["int8", "int4"]),
        help="Weights of the language model in 8 or 4 bits: less memory, seldom faster.",
    ),
    click.option("--device", default=None, help="cpu or cuda; the accelerator if there is one, by default."),
    click.option("--seed", default=0, show_default=True, help="Seed of the draws where temperature is above 0."),
    click.option("--top-p", default=1.0, show_default=True, help="Draw among the likeliest tokens of this total."),
    click.option("--temperature", default=0.0, show_default=True, help="0: always the likeliest token."),
    click.option("--max-new-tokens", default=512, show_default=True, type=click.IntRange(min=1), help="Limit."),
    click.option(
        "--tokenizer",
        default=None,
        metavar="FOLDER_OR_REPO",
        help="For a training checkpoint, which has none of its own.",
    ),
    click.option(
        "--model",
        default="nano",
        show_default=True,
        help="A bundled model's name, a checkpoint folder, the folder of a training run, or OWNER/NAME on the hub.",
    ),
)
_ASKING_OPTIONS = (
    click.option("--stop", multiple=True, help="Text at which a reply ends; may be given several times."),
    click.option(
        "--max-crops",
        default=None,
        type=click.IntRange(min=1),
        help="Crops of a picture, instead of as many as in training; 36 for documents.",
    ),
    click.option("--stream", is_flag=True, help="Print the reply while it is being written."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text."),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        help="FILE.jsonl: write the answers there, resumable. Else a picture to draw the points on "
        "(a folder where several pictures are given).",
    ),
)


def _options(*groups: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    """Click options in the order of the groups."""

    def add(command: F) -> F:
        for option in (option for group in reversed(groups) for option in group):
            command = option(command)
        return command

    return add


@click.command()
@click.argument("images", nargs=-1, metavar="IMAGE...")
@click.argument("text", required=False, metavar="TEXT")
@click.option("--style", default=None, help="Tag of the training data, e.g. vqa2 for an answer of a word or two.")
@_options(_MODEL_OPTIONS, _ASKING_OPTIONS)
def ask(images: tuple[str, ...], text: str | None, style: str | None, **options: Any) -> None:
    """Ask the question TEXT about a picture (about each one, where several or a folder are given)."""
    images, words = _require_words(images, text, "ask", "What is it?")
    _each(images, lambda image: ask_request(image, words, style), **options)


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--length", default=None, type=click.IntRange(0, 500), help="In units of 15 characters; the model's own by default."
)
@_options(_MODEL_OPTIONS, _ASKING_OPTIONS)
def caption(images: tuple[str, ...], length: int | None, **options: Any) -> None:
    """Describe a picture in detail."""
    _each(images, lambda image: caption_request(image, length), **options)


@click.command()
@click.argument("images", nargs=-1, metavar="IMAGE...")
@click.argument("text", required=False, metavar="TEXT")
@_options(_MODEL_OPTIONS, _ASKING_OPTIONS)
def point(images: tuple[str, ...], text: str | None, **options: Any) -> None:
    """Point to every TEXT in a picture, e.g.: openmolmo point photo.jpg "red star" --out points.png"""
    images, words = _require_words(images, text, "point", "red star")
    _each(images, lambda image: point_request(image, words), **options)


@click.command()
@click.argument("images", nargs=-1, metavar="IMAGE...")
@click.argument("text", required=False, metavar="TEXT")
@_options(_MODEL_OPTIONS, _ASKING_OPTIONS)
def count(images: tuple[str, ...], text: str | None, **options: Any) -> None:
    """Count every TEXT in a picture, by pointing, e.g.: openmolmo count photo.jpg "red stars" """
    images, words = _require_words(images, text, "count", "red stars")
    _each(images, lambda image: count_request(image, words), counting=True, **options)


@click.command()
@click.argument("requests", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="FILE.jsonl of answers; for anything but one file of requests answered here: a folder of them.",
)
@click.option(
    "--engine",
    default="local",
    show_default=True,
    help="local; ray: on many machines; vllm: by vLLM, on Ray where there are several workers.",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Models that answer at once.")
@click.option("--gpus", default=0.0, show_default=True, type=click.FloatRange(min=0), help="For each worker on Ray.")
@click.option(
    "--rows-per-shard",
    default=256,
    show_default=True,
    type=click.IntRange(min=1),
    help="Requests a file of answers.",
)
@click.option("--task", type=click.Choice(["ask", "caption", "point", "count"]), help="Where requests do not say.")
@click.option("--text", help="What to ask, point to or count, where requests do not say.")
@_options(_MODEL_OPTIONS)
def answer(
    requests: Path,
    out: Path,
    engine: str,
    workers: int,
    gpus: float,
    rows_per_shard: int,
    task: str | None,
    text: str | None,
    **options: Any,
) -> None:
    """Answer REQUESTS: a file with one JSON object a line, a Parquet file, or a folder of those or of pictures.

    Fields of a request: id, task (ask, caption, point, count), image or images (paths relative to the
    file), text, style, length, history, stop, max_new_tokens, max_crops. The same command goes on where
    it was interrupted: what has an answer is skipped, what failed is tried again. A failed request has
    a line with its error, and the command then ends with an error.
    """
    default = {name: value for name, value in (("task", task), ("text", text)) if value is not None}
    if out.suffix == ".jsonl":
        if engine != "local" or workers > 1 or requests.is_dir() or requests.suffix == ".parquet" or default:
            raise click.UsageError(
                f"--out {out} is one file, and only a file of requests that say everything, answered in this process, "
                "goes into one; give --out a folder"
            )
        answer_file(read_requests(requests), out, _settings(options))
        return
    from openmolmo.inference.at_scale.job import Workers

    on_ray = engine == "ray" or (engine != "local" and (workers > 1 or "RAY_ADDRESS" in os.environ))
    chosen = Workers(
        engine="local" if engine == "ray" else engine,
        executor="ray" if on_ray else "processes",
        count=workers,
        gpus=gpus,
    )
    answer_folder(requests, out, _settings(options), chosen, rows_per_shard, default)


def _settings(options: dict[str, Any]) -> Settings:
    return Settings(**options, alone=bool((click.get_current_context().obj or {}).get("alone")))


def _require_words(
    images: tuple[str, ...], text: str | None, command: str, example: str
) -> tuple[tuple[str, ...], str]:
    """Pictures and words, both of them given; with one argument alone click would take it for the words.

    Raises UsageError, which says which of the two is missing.
    """
    if text is None:
        raise click.UsageError(f'IMAGE and TEXT are missing, e.g.: openmolmo {command} photo.jpg "{example}"')
    path = Path(text[:255])  # no name is longer
    picture = path.suffix.lower() in _ENDINGS and len(text.split()) == 1
    if picture or (not images and path.exists()):
        given = " ".join((*images, text))
        raise click.UsageError(f'TEXT is missing, after the picture, e.g.: openmolmo {command} {given} "{example}"')
    if not images:
        raise click.UsageError(f'IMAGE is missing, before the words, e.g.: openmolmo {command} photo.jpg "{text}"')
    return images, text


def _each(
    images: tuple[str, ...],
    make: Callable[[str], Request],
    *,
    out: Path | None,
    max_crops: int | None,
    stop: tuple[str, ...],
    as_json: bool,
    stream: bool,
    counting: bool = False,
    **settings: Any,
) -> None:
    """Ask the same about every picture."""

    def request(image: str) -> Request:
        return dataclasses.replace(make(image), max_crops=max_crops, stop=stop)

    if stream and as_json:
        raise click.UsageError("--stream shows text while it comes, --json all at the end: choose one")
    make(images[0])  # a bad text is reported before a bad picture
    pictures = find_pictures(images)
    if out is not None and out.suffix.lower() == ".jsonl":
        if stream or as_json:
            raise click.UsageError(f"--stream and --json print to the terminal, --out {out} writes a file: choose one")
        answer_file(asked_of_each(pictures, request), out, _settings(settings))
        return
    shown = Shown(as_json=as_json, stream=stream, counting=counting, out=out)
    show_answers(pictures, [request(picture) for picture in pictures], shown, _settings(settings))
