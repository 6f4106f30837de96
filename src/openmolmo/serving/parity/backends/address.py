"""Names of backends: ``nano``, ``FOLDER?dtype=bfloat16``, ``openai:MODEL@URL``, ``vllm:FOLDER``, ``mlx:FOLDER``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from openmolmo.core.errors import ConfigError

__all__ = ["KINDS", "Address", "read_address"]

KINDS: dict[str, tuple[str, ...]] = {
    "library": ("dtype", "device", "quantize", "resize_mode", "tokenizer"),
    "openai": (),
    "vllm": ("dtype", "max_model_len", "at_once", "tensor_parallel_size"),
    "vllm-builtin": ("dtype", "max_model_len", "at_once", "tensor_parallel_size", "trust_remote_code"),
    "mlx": ("inputs",),
}
"""Kinds of backends with the options that each takes; ``library`` is what has no prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A backend's name as it was given, its kind, and which model with which options; ``url`` of a server."""

    given: str
    kind: str
    model: str
    url: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def read_address(given: str) -> Address:
    """Raises ConfigError for a name without a model, an unknown option, or a server without an address."""
    kind, colon, rest = given.partition(":")
    if not colon or kind == "library" or kind not in KINDS:  # also the letter of a drive, and data at the hub
        kind, rest = "library", given
    if kind == "openai":
        model, _, url = rest.partition("@")
        if not model or not url.startswith(("http://", "https://")):
            raise ConfigError(f"{given!r} names no server", fix="write openai:MODEL@http://127.0.0.1:8000/v1")
        return Address(given=given, kind=kind, model=model, url=url)
    model, _, query = rest.partition("?")
    if not model:
        fix = "give the name or the folder of one" if kind == "library" else f"write {kind}:FOLDER"
        raise ConfigError(f"{given!r} names no model", fix=fix)
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise ConfigError(f"{query!r} in {given!r} is no list of options", fix="write NAME=VALUE&NAME=VALUE") from error
    for name in options:
        if name not in KINDS[kind]:
            known = ", ".join(KINDS[kind])
            raise ConfigError(f"{given!r} has the option {name!r}, which {kind} does not take", fix=f"known: {known}")
    return Address(given=given, kind=kind, model=model, options=options)
