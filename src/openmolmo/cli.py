"""``openmolmo <verb>``: finds each room's commands by name and imports them only when used."""

from __future__ import annotations

import logging
import os
import sys

import click

from openmolmo import __version__
from openmolmo.core.command_group import OpenGroup

__all__ = ["hush_libraries", "main"]

_SUMMARIES = {
    "ablate": "Change one thing of a recipe, and see whether it matters.",
    "answer": "Answer a file of requests, resumably.",
    "arena": "Rate models by people's votes.",
    "ask": "Ask a question about a picture.",
    "caption": "Describe a picture in detail.",
    "compose": "Make an untrained model of a vision encoder and a language model.",
    "count": "Count things in a picture, by pointing.",
    "data": "Check, show and audit data sets.",
    "demo": "Make data, train, judge and ask, in about ten minutes.",
    "doctor": "Say what works on this machine, and how to install what is missing.",
    "download": "Fetch the pictures of a set, and account for those that are gone.",
    "eval": "Judge a model on held-out data, with controls.",
    "export": "Write a model in the layout of the released ones.",
    "llm": "Ask text-only language models, and check their servers.",
    "parity": "Compare two backends: do they say and point the same?",
    "point": "Point at things in a picture.",
    "scaling": "Fit a power law to the loss of small models, and see how far it can be trusted.",
    "serve": "Answer programs and people at an address: an API and a page.",
    "studio": "People make data: speak, ask, click, check, vote.",
    "synth": "Make data: scenes, clocks, everyday things, documents, counts, questions.",
    "train": "Train by a recipe.",
}
"""One line a verb, kept here so that ``--help`` imports no room."""


_NOISY_LOGGERS = ("torchao", "torch.utils._pytree")
"""Loggers that speak wherever torchao is installed."""


_BARS = ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS")
"""What switches off the bars of the hub's library and of transformers, and of datasets."""


@click.group(
    cls=OpenGroup,
    opened="openmolmo.commands",
    summaries=_SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="openmolmo")
def cli() -> None:
    """Build, run and judge vision-language models of the Molmo and PixMo kind."""


def hush_libraries() -> None:
    """Keep what they warn of at import, about parts that nothing here uses, and their own bars off the screen."""
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in _BARS:
        os.environ.setdefault(name, "1")  # read when the library is imported; 0 brings them back


def main(*, alone: bool = False) -> None:
    """Run the command line: errors that users can mend are printed without a traceback.

    ``alone``: this process is for nothing else, so a command may leave out of it what it has no use for.
    """
    from openmolmo.core.console import use_plain_signs
    from openmolmo.core.errors import OpenMolmoError

    use_plain_signs()
    hush_libraries()
    try:
        code = cli.main(standalone_mode=False, obj={"alone": alone})
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; finished parts are kept, half-written ones are not", err=True)
        sys.exit(130)
    except OpenMolmoError as error:
        if not error.quiet:
            click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        click.echo(f"error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", err=True)
        if error.filename:
            click.echo(
                "  -> choose another path: what is read must be there, and --out where files can be made", err=True
            )
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
