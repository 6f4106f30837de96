"""Start vLLM's own server for a model, with the settings that it needs and those that are safe."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openmolmo.core.config import Config
from openmolmo.core.errors import CheckpointError, ConfigError, MissingDependencyError
from openmolmo.core.hub import is_repository
from openmolmo.model.adapter import base_of
from openmolmo.model.find import find_model
from openmolmo.model.folder import ADAPTER, ADAPTER_SETTINGS, Settings, read_settings

__all__ = ["Start", "VllmOptions", "run_vllm", "vllm_start"]

_NOWHERE = "no-address-is-fetched.invalid"
"""A domain that nobody can have: vLLM fetches from everywhere where it is given no list."""

_HEADS = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)
"""Sizes of a head that vLLM's attention has on processors."""


@dataclass(frozen=True, kw_only=True)
class VllmOptions(Config):
    """How vLLM serves.

    ``name``: of the model in the API, by default as it was asked for. ``adapters``: folders of PEFT adapters by the
    name that asks for them. ``context``: most tokens of prompt and reply together; None: the model's. ``images``: most
    pictures in one prompt. ``fetch``: domains from which pictures may be fetched; none: data URLs alone.
    ``api_key``: what clients must send. ``python``: of the environment with vLLM, by default this one.
    ``more``: further options of vLLM's server, as on its command line.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    name: str | None = None
    adapters: Mapping[str, str] = field(default_factory=dict)
    dtype: str = "auto"
    context: int | None = None
    images: int = 8
    tensor_parallel: int = 1
    fetch: tuple[str, ...] = ()
    api_key: str | None = None
    python: str | None = None
    more: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("images", "tensor_parallel"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")


@dataclass(frozen=True, slots=True)
class Start:
    """A command and what it needs in its environment, beside what is there."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def run_vllm(model: str, options: VllmOptions | None = None) -> None:
    """Serve ``model`` by vLLM, in the place of this process: a bundled one's name, a folder, a run, or OWNER/NAME.

    It returns only by an error.

    Raises:
        MissingDependencyError: vLLM is not installed, or openmolmo is not where vLLM is.
        CheckpointError, ConfigError: vLLM cannot serve this model, and why.
    """
    options = options or VllmOptions()
    start = vllm_start(model, options)
    _require_vllm(start.command[0])
    sys.stdout.flush()
    os.execve(start.command[0], list(start.command), {**os.environ, **start.environment})


def vllm_start(model: str, options: VllmOptions) -> Start:
    """The command that serves a model; errors as in :func:`run_vllm`."""
    where, adapters = _where(model)
    adapters |= options.adapters
    if Path(where).is_dir() and not _accelerator():
        _check_heads(Path(where))
    command = [
        options.python or sys.executable,
        # Not ``vllm serve``: that looks for a distribution of the name vllm, and the one for processors has another.
        *("-m", "vllm.entrypoints.openai.api_server"),
        *("--model", where, "--served-model-name", options.name or model),
        *("--host", options.host, "--port", str(options.port), "--dtype", options.dtype),
        *("--limit-mm-per-prompt", json.dumps({"image": options.images})),
        *("--chat-template-content-format", "openai"),
        *("--allowed-media-domains", *(options.fetch or (_NOWHERE,))),
        *("--tensor-parallel-size", str(options.tensor_parallel)),
    ]
    if options.context is not None:
        command += ["--max-model-len", str(options.context)]
    if adapters:
        command += ["--enable-lora", "--max-lora-rank", str(_lora_rank(adapters))]
        command += ["--lora-modules", *(f"{name}={folder}" for name, folder in adapters.items())]
    environment = {"VLLM_NO_USAGE_STATS": "1", "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0"}
    if options.api_key is not None:
        environment["VLLM_API_KEY"] = options.api_key  # a command's arguments can be read by everybody
    return Start((*command, *options.more), environment)


def _where(model: str) -> tuple[str, dict[str, str]]:
    """What vLLM loads, and the adapter that is ``model`` where it is one."""
    if is_repository(model):
        return model, {}
    folder = find_model(model)
    settings = read_settings(folder)
    if settings.layout == "native":
        raise CheckpointError(
            f"{folder} is a training checkpoint of a released model, which vLLM does not read",
            fix=f"export it first: openmolmo export {folder} --out FOLDER --tokenizer TOKENIZER",
        )
    if settings.layout == "adapter":
        return str(base_of(settings)), {model: str(_plain_adapter(settings))}
    return str(folder), {}


def _plain_adapter(settings: Settings) -> Path:
    folder = settings.path.parent
    if whole := _adapter(folder).get("modules_to_save"):
        raise CheckpointError(
            f"the adapter in {folder} also holds parts that were trained whole ({', '.join(whole)}); vLLM adds none",
            fix="serve the run's final folder, in which all of it is added to the model",
        )
    return folder


def _lora_rank(adapters: Mapping[str, str]) -> int:
    """The least of the ranks that vLLM knows that holds every adapter."""
    most = max(int(_adapter(Path(folder))["r"]) for folder in adapters.values())
    for rank in (8, 16, 32, 64, 128, 256, 320, 512):
        if most <= rank:
            return rank
    raise ConfigError(f"an adapter has rank {most}; vLLM knows ranks of at most 512", fix="serve the merged model")


def _adapter(folder: Path) -> dict[str, Any]:
    path = folder / ADAPTER_SETTINGS
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        int(values["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{folder} is no adapter: {path.name} cannot be read or has no rank ({error!r})",
            fix=f"give a folder that PEFT wrote, such as the {ADAPTER}/ in a checkpoint",
        ) from error
    return values


def _accelerator() -> bool:
    import torch

    return bool(torch.accelerator.is_available())


def _check_heads(folder: Path) -> None:
    from openmolmo.model.checkpoint import load_config

    text = load_config(folder).text_config
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    if size not in _HEADS:
        raise ConfigError(
            f"the language model in {folder} has heads of {size} numbers; on a processor vLLM knows "
            f"{', '.join(map(str, _HEADS))}",
            fix="serve it without --engine vllm, or where there is an accelerator",
        )


def _require_vllm(python: str) -> None:
    """Both are where the server will run; errors say what to install."""
    found = [importlib.util.find_spec(name) is not None for name in ("vllm", "openmolmo")]
    if python != sys.executable:
        code = "import importlib.util as u; print([u.find_spec(n) is not None for n in ('vllm', 'openmolmo')])"
        try:
            done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise ConfigError(
                f"{python} is no Python that runs: {error}", fix="give that of vLLM's environment"
            ) from error
        found = json.loads(done.stdout.lower())
    for name, there in zip(("vllm", "openmolmo"), found, strict=True):
        if not there:
            raise MissingDependencyError(
                f"vLLM serves with the package {name!r}, which {python} does not have",
                fix='in an environment of its own: pip install "openmolmo[vllm]", and name its Python; '
                "docs/how-to/serve-with-vllm.md says how on a machine without an accelerator",
            )
