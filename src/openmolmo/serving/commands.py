"""``openmolmo serve``: an API in OpenAI's form and a page, for one model or several; and the keys to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from openmolmo.core.command_group import DefaultGroup
from openmolmo.serving.keys import add_key, read_keys, remove_key

__all__ = ["serve"]

serve = DefaultGroup(
    "serve",
    default="model",
    opened="openmolmo.serve_commands",
    summaries={},
    short_help="Answer programs and people at an address: an API and a page.",
)


@serve.command(name="model", short_help="Serve models; the word model can be left out.")
@click.argument("models", nargs=-1, metavar="[MODEL | NAME=MODEL]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 is all of them.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--open/--no-open", "open_browser", default=True, show_default=True, help="Open the page in a browser.")
@click.option("--engine", default="own", show_default=True, type=click.Choice(["own", "vllm"]), help="What answers.")
@click.option("--api-keys", type=click.Path(path_type=Path, dir_okay=False), help="File of keys: openmolmo serve keys.")
@click.option("--api-key", multiple=True, envvar="OPENMOLMO_API_KEY", show_envvar=True, help="A key that is let in.")
@click.option("--allow-url", multiple=True, metavar="HOST", help="Fetch pictures from this host; else only data URLs.")
@click.option("--allow-origin", multiple=True, metavar="ORIGIN", help="Pages of this site may call the API (CORS).")
@click.option("--public-name", multiple=True, metavar="NAME", help="Name by which browsers reach it, without keys.")
@click.option("--rows", default=16, show_default=True, type=click.IntRange(1), help="Replies written at once.")
@click.option("--queue", default=256, show_default=True, type=click.IntRange(0), help="Requests that may wait.")
@click.option("--workers", default=0, show_default=True, type=click.IntRange(0), help="Processes that open pictures.")
@click.option("--max-tokens", default=4096, show_default=True, type=click.IntRange(1), help="The longest reply.")
@click.option("--max-body-mb", default=32.0, show_default=True, type=click.FloatRange(0.001), help="Of one request.")
@click.option("--timeout", default=600.0, show_default=True, type=click.FloatRange(0.1), help="Seconds for a reply.")
@click.option(
    "--stop-seconds", default=30.0, show_default=True, type=click.FloatRange(0.1), help="To finish, at a stop."
)
@click.option("--device", help="cpu or cuda; the accelerator if there is one, by default.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16", "float16"]), help="float32 by default.")
@click.option(
    "--quantize", type=click.Choice(["int8", "int4"]), help="Weights of the language model in 8 or 4 bits: less memory."
)
@click.option("--log-contents", is_flag=True, help="Write questions and replies into the log; else never.")
@click.option("--quiet", is_flag=True, help="No line in the log for each request.")
def serve_models(models: tuple[str, ...], **options: Any) -> None:
    """Serve models (nano by default) by an API in OpenAI's form, with a page to try them.

    MODEL: a bundled model's name, a checkpoint folder, the folder of a training run, or OWNER/NAME on the hub;
    NAME=MODEL gives it a name of its own. A request that names no model is answered by the first.
    """
    if options["engine"] == "vllm":
        from openmolmo.serving.starting import start_vllm

        start_vllm(models, options)
    else:
        from openmolmo.serving.starting import start

        start(models, options, tell=click.echo)


@serve.group()
def keys() -> None:
    """Make, list and remove the keys of an API."""


_FILE = click.option(
    "--file",
    "path",
    default="openmolmo-keys.jsonl",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of keys, as --api-keys takes it.",
)


@keys.command()
@click.argument("name")
@_FILE
def add(name: str, path: Path) -> None:
    """Make a key for NAME and print it. It is not shown again: the file has its hash."""
    click.echo(add_key(path, name))


@keys.command(name="list")
@_FILE
def list_keys(path: Path) -> None:
    """Whose keys there are, and since when."""
    for key in read_keys(path):
        click.echo(f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(key.made))}  {key.name}")


@keys.command()
@click.argument("name")
@_FILE
def remove(name: str, path: Path) -> None:
    """Take the key of NAME away; running servers refuse it at once."""
    remove_key(path, name)
    click.echo(f"the key of {name} is removed")
