"""Groups of commands that packages add to: every command is an entry point, imported only when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoints, entry_points
from typing import Any

import click
from click.shell_completion import CompletionItem

from openmolmo.core.optional import torch_as_extra

__all__ = ["DefaultGroup", "OpenGroup"]


class OpenGroup(click.Group):
    """Its own commands, and the entry points of a group, which other packages and higher rooms fill.

    ``opened``: the name of that group. ``summaries``: one line for each of those commands, so that ``--help`` need
    not import them; one without a line is shown as a plug-in.
    """

    def __init__(self, *args: Any, opened: str, summaries: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._opened, self._summaries = opened, summaries
        self._found: EntryPoints | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *(point.name for point in self._points())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for point in self._points():
            if point.name == cmd_name:
                command = point.load()
                assert isinstance(command, click.Command)
                return command
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Load and run a command; one that needs torch says so where torch is not installed."""
        with torch_as_extra():
            return super().invoke(ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Verbs and options that begin so. Nothing is loaded: each press of a key would wait for torch."""
        known = {**self._summaries, **{name: command.get_short_help_str() for name, command in self.commands.items()}}
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        verbs = [CompletionItem(name, help=known.get(name)) for name in names]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = {name: command.get_short_help_str(limit=80) for name, command in self.commands.items()}
        known = {**self._summaries, **own}
        with formatter.section("Commands"):
            formatter.write_dl([(name, known.get(name, "(plug-in)")) for name in self.list_commands(ctx)])

    def _points(self) -> EntryPoints:
        if self._found is None:  # every look reads a file of every installed package
            self._found = entry_points(group=self._opened)
        return self._found


class DefaultGroup(OpenGroup):
    """Takes what is none of its commands for the arguments of its command ``default``: ``openmolmo eval nano``."""

    def __init__(self, *args: Any, default: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in self.list_commands(ctx) and first not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help of the default command, then the other commands."""
        command = self.get_command(ctx, self.default)
        assert command is not None
        with click.Context(command, info_name=ctx.info_name, parent=ctx.parent) as default:
            command.format_help(default, formatter)
        self.format_commands(ctx, formatter)
