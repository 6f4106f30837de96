"""Writes docs/reference.md from the code: the command line and every built-in plug-in.

    python docs/generate.py [--check]        (make docs writes it, make lint checks it)

The page holds only what the program says about itself, so it cannot drift: --check ends with an error where the
committed page is not the generated one. Prose belongs into docs/how-to.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import torch

from openmolmo.cli import cli
from openmolmo.core.files import write_text
from openmolmo.core.registry import Registry
from openmolmo.data.sources.base import SOURCES
from openmolmo.engine.count import DETECTORS
from openmolmo.engine.llm.providers.base import PROVIDERS
from openmolmo.engine.llm.providers.template import TEMPLATES
from openmolmo.engine.synth.base import GENERATORS
from openmolmo.evaluation.benchmarks.base import BENCHMARKS
from openmolmo.evaluation.tasks import TASKS
from openmolmo.imaging import CROP_POLICIES
from openmolmo.model import PRESETS, Molmo, parameter_counts
from openmolmo.model.encoders import ENCODERS
from openmolmo.recipes.ablate.base import ABLATIONS
from openmolmo.recipes.scaling.base import GRIDS
from openmolmo.training.recipe import RECIPES
from openmolmo.training.watch.callbacks import CALLBACKS
from openmolmo.training.watch.writers import WRITERS

__all__ = ["REGISTRIES", "built_in", "built_in_commands", "page", "preset_counts"]

PAGE = Path(__file__).with_name("reference.md")
_COLUMNS = 100

REGISTRIES: dict[str, tuple[Registry[Any], str]] = {
    "generator": (GENERATORS, "Make examples: `openmolmo synth NAME`. [Add one](how-to/add-a-generator.md)."),
    "detector": (
        DETECTORS,
        "Who finds what is counted: `openmolmo synth count --detector NAME`. "
        "[Add one](how-to/count-from-own-pictures.md#a-detector-of-your-own).",
    ),
    "dataset": (
        SOURCES,
        "`SourceConfig(source=NAME, options={...})` in a mixture. [Add one](how-to/add-a-dataset.md).",
    ),
    "preset": (PRESETS, "Models with fresh weights: `model=NAME` in a run."),
    "recipe": (RECIPES, "Whole runs: `openmolmo train NAME`. [Write one](how-to/train.md#a-recipe-of-your-own)."),
    "task": (TASKS, "What a model is judged on: `openmolmo eval MODEL --tasks NAME`. [Metrics](how-to/judge.md)."),
    "benchmark": (
        BENCHMARKS,
        "Published sets with their protocol: `openmolmo eval suite NAME`. [Write one](how-to/write-a-benchmark.md).",
    ),
    "writer": (WRITERS, "Where a run's figures go too: `watch.writers=NAME`. [Watch](how-to/train.md#watch)."),
    "callback": (CALLBACKS, "What is judged during a run: `watch.callbacks=NAME`. [Watch](how-to/train.md#watch)."),
    "llm_provider": (PROVIDERS, "Who answers: `--llm NAME...`. [Use one](how-to/use-a-text-llm.md)."),
    "llm_template": (
        TEMPLATES,
        "What `--llm template` answers from, by purpose. [Add one](how-to/use-a-text-llm.md#without-a-model).",
    ),
    "ablation": (
        ABLATIONS,
        "One thing of a recipe changed: `openmolmo ablate run NAME`. [Write one](how-to/ablate.md#one-of-your-own).",
    ),
    "scaling_grid": (
        GRIDS,
        "Runs whose loss follows a law: `openmolmo scaling run NAME`. [Write one](how-to/scaling-laws.md).",
    ),
    "crop_policy": (
        CROP_POLICIES,
        "Which crops of a picture are kept: `crop.policy=NAME`, `--crop-policy NAME`. "
        "[Write one](how-to/choose-crops.md).",
    ),
    "encoder": (ENCODERS, "Vision backbones: the `model_type` of a model's `vision_config`."),
}
"""Kinds of plug-ins, in the order of the page: the registry, and how its names are used."""


def built_in(registry: Registry[Any]) -> list[str]:
    """Names of this package's own plug-ins; those of other packages, notebooks and tests are left out."""
    return [name for name in registry if _home(registry.get(name)).startswith("openmolmo.")]


def built_in_commands() -> dict[str, click.Command]:
    """This package's verbs by name, with their subcommands ("data check"), sorted."""
    points = sorted(entry_points(group="openmolmo.commands"), key=lambda point: point.name)
    found: dict[str, click.Command] = {}
    for point in points:
        if point.value.startswith("openmolmo."):
            found.update(_with_subcommands(point.name, point.load()))
    return found


def preset_counts(name: str) -> dict[str, int]:
    """Numbers of parameters by part; built on the meta device, which needs no memory."""
    with torch.device("meta"):
        return parameter_counts(Molmo(PRESETS.get(name)()))


def page() -> str:
    """The whole reference page."""
    lines = [
        "# Reference",
        "",
        "Written by `make docs` from the code; [how-to](README.md#how-to) has the prose.",
        "",
        "## Command line",
        "",
        *_help("openmolmo"),
    ]
    for name in built_in_commands():
        lines += ["", f"### command {name}", "", *_help(f"openmolmo {name}")]
    for kind, (registry, use) in REGISTRIES.items():
        lines += ["", f"## {kind.capitalize()}s", "", use]
        for name in built_in(registry):
            lines += ["", f"### {kind} {name}", "", *_about(kind, name, registry.get(name))]
    return "\n".join(lines) + "\n"


def _home(plug_in: Any) -> str:
    """The module that defines a plug-in."""
    if hasattr(plug_in, "build"):  # a description of a backbone: where its functions are written
        return str(plug_in.build.__module__)
    named = plug_in if inspect.isroutine(plug_in) or inspect.isclass(plug_in) else type(plug_in)
    return str(named.__module__)


def _with_subcommands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None and (name != "synth" or inner not in GENERATORS or inner in built_in(GENERATORS)):
                yield from _with_subcommands(f"{name} {inner}", found)


def _help(name: str) -> list[str]:
    """What ``--help`` prints; the parents of a command decide how the option is called."""
    context = cli.make_context("openmolmo", [], resilient_parsing=True)
    for word in name.split()[1:]:
        assert isinstance(context.command, click.Group)
        inner = context.command.get_command(context, word)
        assert inner is not None
        context = click.Context(inner, context, word, terminal_width=_COLUMNS, max_content_width=_COLUMNS)
    context.terminal_width = context.max_content_width = _COLUMNS
    text = "\n".join(line.rstrip() for line in context.command.get_help(context).splitlines())
    return ["```text", text, "```"]


def _about(kind: str, name: str, plug_in: Any) -> list[str]:
    if kind == "benchmark":
        return [f"{plug_in.title}: `{plug_in.source}`, {' or '.join(plug_in.splits)}. Headline: `{plug_in.headline}`."]
    if kind in ("ablation", "scaling_grid"):
        told = plug_in if kind == "ablation" else plug_in.ablation
        arms = ", ".join(f"`{arm.name}`" for arm in told.arms)
        return [f"{told.title}. {told.question} Metric: `{told.metric}`; world: {told.world.name}. Arms: {arms}."]
    lines = [_summary(plug_in)]
    if kind == "generator":
        lines += ["", f"Version {plug_in.version}."]
    elif kind == "dataset":
        lines += ["", f"Options: {', '.join(map(_parameter, inspect.signature(plug_in).parameters.values()))}."]
    elif kind == "preset":
        counts = preset_counts(name)
        parts = ", ".join(f"{part} {count:,}" for part, count in counts.items())
        lines += ["", f"Parameters: {sum(counts.values()):,} ({parts})."]
    elif kind == "recipe":
        lines += ["", f"`openmolmo train {name} --dry-run` prints its settings."]
    elif kind == "task":
        others = ", ".join(f"`{metric}`" for metric in plug_in.metrics if metric != plug_in.headline)
        lines += ["", f"Headline: `{plug_in.headline}`{f'; also {others}' if others else ''}."]
    return lines


def _summary(plug_in: Any) -> str:
    """The docstring of what was registered, else of its class; a backbone's stands at the top of its file."""
    if hasattr(plug_in, "build"):
        text = sys.modules[_home(plug_in)].__doc__
    elif inspect.isroutine(plug_in):
        text = plug_in.__doc__
    else:
        text = plug_in.__doc__  # its own, if it was given one, else its class's
        if dataclasses.is_dataclass(plug_in) and text and text.startswith(f"{type(plug_in).__name__}("):
            text = None  # the one that dataclasses make up
    assert text, f"{plug_in!r} needs a docstring: it is its entry in the reference"
    return inspect.cleandoc(text).replace("``", "`")


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return f"`{parameter.name}` (required)"
    return f"`{parameter.name}={parameter.default!r}`"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        if page() != PAGE.read_text(encoding="utf-8"):
            sys.exit(f"{PAGE.name} is not what the code says of itself today; write it anew: make docs")
    else:
        write_text(PAGE, page())
        click.echo(f"written: {PAGE}")
