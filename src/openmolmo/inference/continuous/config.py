"""Settings of a running batch."""

from __future__ import annotations

from dataclasses import dataclass

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError

__all__ = ["BatchingConfig"]


@dataclass(frozen=True, kw_only=True)
class BatchingConfig(Config):
    """How much is done at once.

    ``rows``: replies written together. ``kept``: so many more prompts and replies stay in memory, for others that
    begin alike. ``chunk``: tokens of a prompt, and ``crops``: crops of a picture, that are read between two steps of
    the others. ``feature_bytes``: memory for the features of pictures. ``max_new_tokens`` cuts replies that do not
    end; a request may ask for fewer.
    """

    rows: int = 16
    kept: int = 8
    chunk: int = 256
    crops: int = 4
    feature_bytes: int = 2**28
    max_new_tokens: int = 1024

    def __post_init__(self) -> None:
        for name in ("rows", "chunk", "crops", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")
        for name in ("kept", "feature_bytes"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 0")
