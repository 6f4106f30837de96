"""What can go wrong with one picture; the pipeline writes it down beside the picture's row and goes on."""

from __future__ import annotations

from openmolmo.core.errors import OpenMolmoError

__all__ = ["RenderError"]

_LONGEST = 1500  # letters of a tool's words: enough for a repair turn, not a log file


class RenderError(OpenMolmoError):
    """A tool could not draw a program, or drew something that nobody can read; carries the tool's own words."""

    def __init__(self, tool: str, words: str) -> None:
        words = words.strip()
        super().__init__(f"{tool}: {words if len(words) <= _LONGEST else words[:_LONGEST] + ' ...'}")
        self.tool = tool
        self.words = words
