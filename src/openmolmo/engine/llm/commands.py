"""``openmolmo llm``: ask a text-only language model, check a server, see what a file of answers cost."""

from __future__ import annotations

import json
from pathlib import Path

import click

from openmolmo.core.console import echo_json
from openmolmo.core.progress import print_table
from openmolmo.engine.llm.cache import Cache
from openmolmo.engine.llm.check import check_server
from openmolmo.engine.llm.client import LLM
from openmolmo.engine.llm.options import llm_options
from openmolmo.engine.llm.request import Request
from openmolmo.engine.llm.settings import LLMSettings

__all__ = ["llm"]

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")


@click.group()
def llm() -> None:
    """Ask text-only language models: the ones that clean captions, write questions and judge.

    They get text only. A picture in a request is refused.
    """


@llm.command()
@click.argument("text")
@click.option("--system", help="How to answer.")
@click.option(
    "--schema", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="JSON schema of the reply."
)
@llm_options(required=True)
@AS_JSON
def ask(text: str, system: str | None, schema: Path | None, llm: LLMSettings, as_json: bool) -> None:
    """Ask TEXT, and print the reply."""
    request = Request.of(text, system=system, schema=None if schema is None else _schema(schema))
    with LLM(llm) as client:
        reply = client.complete(request)
    if as_json:
        counts = {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.completion_tokens}
        said = {"text": reply.text, "value": reply.value, "cut": reply.cut, "cached": reply.cached}
        echo_json({**said, **counts, "seconds": reply.seconds, "origin": reply.origin.to_dict()})
    else:
        click.echo(reply.text if schema is None else json.dumps(reply.value, ensure_ascii=False, indent=2))


@llm.command()
@llm_options(required=True)
@AS_JSON
def check(llm: LLMSettings, as_json: bool) -> None:
    """Say whether a server answers, which model it is, how fast, and whether it holds replies to a JSON schema."""
    found = check_server(llm)
    if as_json:
        echo_json(found.to_dict())
        return
    schema = {"schema": "held to the schema by the server", "prompt": "asked for in words, and checked here"}
    rows = [
        ["model that answered", found.served or "(it does not say)"],
        ["where", found.host or "here, without a server"],
        ["its texts are marked", found.made],
        ["says", found.reply],
        ["seconds for that", f"{found.seconds:.2f}"],
        ["tokens a second", f"{found.tokens_per_second:.0f}" if found.tokens_per_second else "(not counted)"],
        ["replies in JSON", schema[found.json]],
    ]
    print_table(found.line, ["", "found"], rows)


@llm.command()
@click.argument("cache", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--price-in", type=click.FloatRange(min=0), help="Of a million tokens sent.")
@click.option("--price-out", type=click.FloatRange(min=0), help="Of a million tokens received.")
@AS_JSON
def usage(cache: Path, price_in: float | None, price_out: float | None, as_json: bool) -> None:
    """Say what the answers in a file CACHE (--llm-cache) took: tokens, time, failures, and money."""
    answers = Cache(cache)
    spent = answers.spent()
    answers.close()
    costs = [(one.prompt_tokens * (price_in or 0) + one.completion_tokens * (price_out or 0)) / 1e6 for one in spent]
    if as_json:
        echo_json([{**vars(one), "cost": round(cost, 6)} for one, cost in zip(spent, costs, strict=True)])
        return
    columns = ["model", "answers", "tokens sent", "tokens received", "seconds", "failures", "cost"]
    priced = price_in is not None or price_out is not None
    rows = [
        [
            one.model or "(no model)",
            *(one.answers, one.prompt_tokens, one.completion_tokens, f"{one.seconds:.1f}", one.failures),
            f"{cost:.2f}" if priced else "-",
        ]
        for one, cost in zip(spent, costs, strict=True)
    ]
    print_table(str(cache), columns, rows)


def _schema(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise click.UsageError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.UsageError(f"{path} is no JSON schema: it must be an object")
    return value
