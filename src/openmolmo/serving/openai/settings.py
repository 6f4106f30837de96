"""What a server allows, and what it says of its models."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError

__all__ = ["ModelCard", "ServeSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What is told of a model: ``knows`` is ``drawings``, ``photographs`` or None (not said); ``max_crops`` into
    how many crops a picture is cut; ``context`` in tokens."""

    description: str = ""
    knows: str | None = None
    max_crops: int | None = None
    context: int | None = None


@dataclass(frozen=True, kw_only=True)
class ServeSettings(Config):
    """Limits of one server. What is over them is refused, never cut short in silence."""

    host: str = "127.0.0.1"
    public_names: tuple[str, ...] = ()
    """Names, beside this machine's own, by which browsers may reach a server that asks for no key."""
    allow_origins: tuple[str, ...] = ()
    """Origins whose pages may call the API from a browser (CORS); ``*`` is every one."""
    allow_urls: tuple[str, ...] = ()
    """Hosts that pictures are fetched from; none: pictures come as ``data:`` addresses only."""
    keys: tuple[str, ...] = ()
    """API keys, as SHA-256 in hex."""
    key_file: Path | None = None
    """A file of API keys, read again when it changes."""
    max_body_mb: float = 32.0
    max_bodies_mb: float = 512.0
    """Bodies of all requests that are in the server at a time."""
    max_pixels: int = 50_000_000
    """Of one picture."""
    max_all_pixels: int = 100_000_000
    """Of all pictures of a request."""
    max_images: int = 16
    max_crops: int = 36
    """Into how many crops a request may have a picture cut; ``detail: original`` asks for as many."""
    max_parts: int = 256
    """Messages, and parts of messages, of a request."""
    max_text: int = 200_000
    """Characters of all texts of a request."""
    max_tokens: int = 4096
    """The longest reply that may be asked for."""
    default_tokens: int = 512
    """The longest reply where a request says nothing."""
    max_choices: int = 8
    json_depth: int = 32
    json_values: int = 100_000
    """Brackets and commas of a body."""
    head_seconds: float = 15.0
    """For the first line and the headers of a request."""
    body_seconds: float = 60.0
    write_seconds: float = 30.0
    """How long a client may read nothing while there is something for it."""
    request_seconds: float = 600.0
    stop_seconds: float = 30.0
    """For replies that are being written when the server is told to stop."""
    log_contents: bool = False
    """Whether questions and replies stand in the log."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
                raise ConfigError(f"{field.name}={value} must be more than 0")
        for host in self.allow_urls:
            if not host or set(host) & set("/:@ *"):
                raise ConfigError(
                    f"{host!r} is no name of a host that pictures may be fetched from",
                    fix="write the name alone, such as images.example.org",
                )
        for origin in self.allow_origins:
            if origin != "*" and not origin.startswith(("http://", "https://")):
                raise ConfigError(f"{origin!r} is no origin", fix="write it as https://app.example.org")
