"""``openmolmo eval``: a group whose default command judges a model, so that ``openmolmo eval nano`` needs no verb."""

from __future__ import annotations

from typing import Any

import click

from openmolmo.core.command_group import OpenGroup
from openmolmo.evaluation.commands import evaluate
from openmolmo.evaluation.metric_commands import metrics

__all__ = ["eval_group"]


class _JudgesByDefault(OpenGroup):
    """Takes what is none of its commands for the arguments of judging a model."""

    default = "model"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in self.list_commands(ctx) and first not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help of judging a model, then the other commands."""
        with click.Context(evaluate, info_name=ctx.info_name, parent=ctx.parent) as default:
            evaluate.format_help(default, formatter)
        self.format_commands(ctx, formatter)


_SUMMARIES = {
    "captions": "Judge captions by statements: recall, precision, F1.",
    "compare": "Compare two result files question by question.",
    "leaderboard": "One page from result files, with published numbers beside.",
    "power": "The smallest difference that so many questions can show.",
    "published": "Print the paper's numbers.",
}
"""One line a command that is an entry point, kept here so that ``--help`` imports none."""


def _group(**kwargs: Any) -> _JudgesByDefault:
    return _JudgesByDefault(
        "eval",
        opened="openmolmo.eval_commands",
        summaries=_SUMMARIES,
        short_help="Judge a model on held-out data, with controls.",
        **kwargs,
    )


eval_group = _group()
eval_group.add_command(evaluate, _JudgesByDefault.default)
eval_group.add_command(metrics, "metrics")
