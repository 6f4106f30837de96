"""Why a recording, or a piece of one, is not taken: a code for the page, a sentence of the catalogue for people."""

from __future__ import annotations

from typing import Any

from openmolmo.engine.studio.tasks.complaints import UnfinishedError

__all__ = ["RecordingRefusedError"]


class RecordingRefusedError(UnfinishedError):
    """``code`` names the sentence ``speak.refused.<code>``; ``more`` goes into the answer beside it."""

    def __init__(self, code: str, *, status: int = 422, more: dict[str, Any] | None = None, **values: Any) -> None:
        super().__init__(f"speak.refused.{code}", **values)
        self.code, self.status, self.more = code, status, more or {}
