"""Which language model is asked, and how: one frozen configuration, and the one line that people type for it.

    template                                        no model: functions that answer from what is known
    mock                                            scripted replies, for tests
    openai:MODEL                                    OpenAI itself, key in OPENAI_API_KEY
    openai:MODEL@http://host:8000/v1                any server of that protocol: vLLM, Ollama, llama.cpp, a vendor

:func:`parse_llm` reads that line; every command takes it as ``--llm`` (``options.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from openmolmo.core.config import Config, override
from openmolmo.core.errors import ConfigError

__all__ = ["FORMS", "OPENAI_KEY", "OPENAI_URL", "LLMSettings", "known_settings", "parse_llm"]

FORMS = "template | mock | openai:MODEL | openai:MODEL@http://host:8000/v1"
"""The forms of ``--llm``, for help texts and messages."""

OPENAI_URL = "https://api.openai.com/v1"
"""Where a model without an address of its own is asked."""

OPENAI_KEY = "OPENAI_API_KEY"
"""The variable with the key for :data:`OPENAI_URL`; it is never sent to another server unless named."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_AT_URL = re.compile(r"@(?=https?://)")


@dataclass(frozen=True, kw_only=True)
class LLMSettings(Config):
    """A text-only language model and how it is asked. Settings that are None are not sent.

    ``api_key_env`` is the *name* of an environment variable; the key itself is read when it is needed and stored
    nowhere. ``timeout`` is in seconds, for one try. ``retries`` come after the first try. ``cache`` is an SQLite
    file of all answers. ``json_mode`` says how a reply in JSON is asked for: ``schema`` (the server is held to it),
    ``prompt`` (it is asked in words), ``auto`` (the server is tried once). ``extra`` goes into the body of each
    request as it is, e.g. ``{"chat_template_kwargs": {"enable_thinking": false}}``.
    """

    provider: str = "template"
    model: str = ""
    base_url: str | None = None
    api_key_env: str | None = None
    temperature: float | None = 0.0
    max_tokens: int | None = 2048
    seed: int | None = 0
    timeout: float = 120.0
    retries: int = 5
    concurrency: int = 16
    cache: Path | None = None
    json_mode: Literal["auto", "schema", "prompt"] = "auto"
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.api_key_env is not None and not _NAME.fullmatch(self.api_key_env):
            raise ConfigError(  # its value is not shown: it may be the key
                "api_key_env is not the name of an environment variable",
                fix="put the key into a variable, and give its name: export MY_KEY=..., api_key_env=MY_KEY",
            )
        if self.base_url is not None:
            _check_url(self.base_url)
        if self.provider == "openai" and not self.model:
            raise ConfigError("openai needs the name of a model", fix=f"write --llm {FORMS.split(' | ')[3]}")
        for name, least in (("timeout", 0.001), ("retries", 0), ("concurrency", 1), ("max_tokens", 1)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ConfigError(f"{name}={value} must be at least {least:g}")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise ConfigError(f"temperature={self.temperature} is outside 0 to 2")
        taken = sorted({"messages", "model", "stream", "response_format", "n"} & set(self.extra))
        if taken:
            raise ConfigError(f"extra may not set {', '.join(taken)}", fix="these have settings of their own, or none")

    @property
    def url(self) -> str:
        """The server's address; "" for a provider that asks none."""
        return self.base_url or (OPENAI_URL if self.provider == "openai" else "")

    def line(self) -> str:
        """The form that :func:`parse_llm` reads."""
        return f"{self.provider}{f':{self.model}' if self.model else ''}{f'@{self.base_url}' if self.base_url else ''}"


def parse_llm(text: str, assignments: Iterable[str] = (), *, cache: Path | None = None) -> LLMSettings:
    """Settings of the one-line form ``PROVIDER[:MODEL][@BASE_URL]`` (see :data:`FORMS`), changed by ``key=value``.

    Raises ConfigError for another form, and for settings that there are not.
    """
    said, *address = _AT_URL.split(text.strip(), maxsplit=1)
    provider, _, model = said.partition(":")
    if not _NAME.fullmatch(provider.replace("-", "_")) or (address and not model):
        raise ConfigError(f"{text!r} names no language model", fix=f"write one of: {FORMS}")
    first: dict[str, Any] = {"provider": provider, "model": model, "cache": cache}
    settings = LLMSettings(**first, base_url=address[0] if address else None)
    changed = override(settings, assignments)
    assert isinstance(changed, LLMSettings)
    return changed


def _check_url(url: str) -> None:
    fix = "write it as http://host:port/v1"
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ConfigError(f"base_url={url!r} is no address", fix=fix) from None
    if parts.username or parts.password:
        raise ConfigError("base_url has a user or a password in it", fix="name a variable: api_key_env=MY_KEY")
    if not known:
        raise ConfigError(f"base_url={url!r} is no address", fix=fix)


def known_settings() -> list[str]:
    """Names that ``key=value`` may set."""
    return [one.name for one in fields(LLMSettings)]
