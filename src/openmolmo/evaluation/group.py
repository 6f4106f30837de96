"""``openmolmo eval``: a group whose default command judges a model, so that ``openmolmo eval nano`` needs no verb."""

from __future__ import annotations

from openmolmo.core.command_group import DefaultGroup
from openmolmo.evaluation.commands import evaluate
from openmolmo.evaluation.metric_commands import metrics

__all__ = ["eval_group"]


_SUMMARIES = {
    "suite": "Judge a model on benchmarks, beside the paper's models.",
    "card": "Every score of a model card, each world by itself.",
    "captions": "Judge captions by statements: recall, precision, F1.",
    "compare": "Compare two result files question by question.",
    "known-world": "Does a model tell pictures unlike what it knows?",
    "leaderboard": "One page from result files, with published numbers beside.",
    "power": "The smallest difference that so many questions can show.",
    "published": "Print the paper's numbers.",
}
"""One line a command that is an entry point, kept here so that ``--help`` imports none."""


eval_group = DefaultGroup(
    "eval",
    default="model",
    opened="openmolmo.eval_commands",
    summaries=_SUMMARIES,
    short_help="Judge a model on held-out data, with controls.",
)
eval_group.add_command(evaluate, eval_group.default)
eval_group.add_command(metrics, "metrics")
