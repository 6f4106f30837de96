"""``openmolmo parity A B``: do two backends say and point the same?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from openmolmo.core.errors import ConfigError

__all__ = ["parity"]

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--pictures", type=_FOLDER, help="Ask about the pictures of a folder; drawn ones by default.")
@click.option(
    "--label", "labels", multiple=True, default=("object",), show_default=True, help="What to point to there."
)
@click.option("--requests", type=_FILE, help="Ask what a JSON-lines file says, as `openmolmo answer` reads it.")
@click.option("--count", default=8, show_default=True, type=click.IntRange(min=1), help="Drawn pictures.")
@click.option("--seed", default=0, show_default=True, help="Of the drawn pictures.")
@click.option("--max-new-tokens", default=256, show_default=True, type=click.IntRange(min=1), help="Longest reply.")
@click.option("--max-distance", default=1.0, show_default=True, help="Of matched points on average, % of the width.")
@click.option("--radius", default=5.0, show_default=True, help="How near two points are the same, % of the width.")
@click.option("--min-matched", default=0.95, show_default=True, help="Share of points that the other has too.")
@click.option("--min-agreement", default=0.0, show_default=True, help="Share of a reply before the first difference.")
@click.option("--max-failures", default=0, show_default=True, type=click.IntRange(min=0), help="Without a reply.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A page (.html) or all figures (.json).")
def parity(a: str, b: str, max_new_tokens: int, out: Path | None, **options: Any) -> None:
    """Ask A and B the same, and compare what they say and where they point.

    A backend is a model of ours (nano, FOLDER, FOLDER?dtype=bfloat16), a server (openai:MODEL@URL), or a program with
    a Python of its own: vllm:FOLDER with our plug-in or vllm-builtin:FOLDER without (OPENMOLMO_VLLM_PYTHON), mlx:FOLDER
    (OPENMOLMO_MLX_PYTHON). Ends with 1 where a threshold is missed.
    """
    asking = {name: options.pop(name) for name in ("pictures", "labels", "requests", "count", "seed")}
    if asking["pictures"] is not None and asking["requests"] is not None:
        raise ConfigError("--pictures and --requests were both given", fix="give one of them")
    if out is not None and out.suffix not in (".html", ".json"):
        raise ConfigError(f"--out {out} is neither a page nor JSON", fix="end it in .html or .json")
    from openmolmo.core.files import require_writable
    from openmolmo.serving.parity.backends.address import read_address

    for given in (a, b):
        read_address(given)  # what is written wrong is told before anything is drawn or loaded
    from openmolmo.serving.parity.asked import requests_of
    from openmolmo.serving.parity.report import print_parity, write_report
    from openmolmo.serving.parity.run import run
    from openmolmo.serving.parity.verdict import Gate

    gate = Gate(**options)
    if out is not None:
        require_writable(out)
    found = run(a, b, requests_of(**asking), gate, max_new_tokens=max_new_tokens)
    print_parity(found)
    if out is not None:
        write_report(found, out)
        click.echo(f"{out}")
    if found.misses:
        raise SystemExit(1)
