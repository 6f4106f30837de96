"""Opens models and starts a server for them, as ``openmolmo serve`` was told."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmolmo.core.errors import ConfigError
from openmolmo.core.optional import require
from openmolmo.core.web import open_when_up
from openmolmo.serving.keys import hash_key, read_keys

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["named_models", "start", "start_vllm"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERY = ("0.0.0.0", "::")
_NANO = "9 million parameters; it knows drawn shapes, things, clocks and cards, and has never seen a photograph"


def start(models: Sequence[str], options: Mapping[str, Any], *, tell: Callable[[str], None]) -> None:
    """Serve until a signal comes. ``tell`` gets lines for the terminal."""
    named = named_models(models)
    _check_keys(options["api_keys"])
    from openmolmo.serving.local import LocalBackend, LocalConfig  # first: what is missing may be torch

    for package in ("fastapi", "prometheus_client", "uvicorn"):
        require(package, extra="serve")
    from openmolmo.inference.continuous.config import BatchingConfig
    from openmolmo.serving.openai import create_app
    from openmolmo.serving.openai.server import ServingServer, listen, raise_file_limit, run

    settings = _settings(options)
    listening = listen(options["host"], options["port"])  # before models are loaded, which can take long
    with contextlib.closing(listening):
        batching = BatchingConfig(rows=options["rows"], max_new_tokens=options["max_tokens"])
        config = LocalConfig(batching=batching, queue=options["queue"], workers=options["workers"])
        loading = {name: options[name] for name in ("device", "dtype", "quantize") if options[name] is not None}
        backends = {name: LocalBackend.open(model, config=config, **loading) for name, model in named.items()}
        cards = {name: _card(named[name], backend) for name, backend in backends.items()}
        app = create_app(backends, settings, cards)
        page = _mount_page(app)
        _log(options)
        raise_file_limit()
        server = ServingServer(app, settings)
        address = _address(options["host"], listening.getsockname()[1])
        tell(f"{', '.join(named)} at {address}/v1" + (f", with a page at {address}" if page else ""))
        if options["host"] not in _LOOPBACK and not (settings.keys or settings.key_file):
            tell("Whoever reaches this machine can use it: --api-keys FILE lets in only those who have a key.")
        tell("Stop it with Ctrl-C.")
        if page and options["open_browser"]:
            threading.Thread(target=open_when_up, args=(server, address), daemon=True).start()
        run(server, listening)


def start_vllm(models: Sequence[str], options: Mapping[str, Any]) -> None:
    """Serve one model by vLLM, in place of this process."""
    named = named_models(models)
    if len(named) != 1:
        raise ConfigError(f"--engine vllm serves one model, {len(named)} were named", fix="start one for each")
    if options["api_keys"] is not None or len(options["api_key"]) > 1:
        raise ConfigError(
            "--engine vllm knows one key, --api-key, and no file of keys",
            fix="give --api-key, or let a proxy before it ask for keys",
        )
    if options["quantize"] is not None:
        raise ConfigError("--quantize is for our own engine", fix="leave it out; vLLM has --quantization of its own")
    ((name, model),) = named.items()
    launch = importlib.import_module("openmolmo.serving.vllm.launch")
    launch.run_vllm(
        model,
        launch.VllmOptions(
            host=options["host"],
            port=options["port"],
            name=name,
            dtype=options["dtype"] or "auto",
            fetch=tuple(options["allow_url"]),
            api_key=next(iter(options["api_key"]), None),
        ),
    )


def named_models(models: Sequence[str]) -> dict[str, str]:
    """What to load by the name it gets: ``mine=runs/a`` -> ``mine``; a folder goes by its own name.

    Raises ConfigError where two have the same name.
    """
    found: dict[str, str] = {}
    for given in models or ("nano",):
        name, equals, model = given.partition("=")
        if not equals:
            name, model = (Path(given).resolve().name if Path(given).is_dir() else given), given
        if not name or not model:
            raise ConfigError(f"{given!r} names no model", fix="write MODEL, or NAME=MODEL")
        if name in found:
            raise ConfigError(f"two models are called {name!r}", fix="give them names: NAME=MODEL")
        found[name] = model
    return found


def _check_keys(path: Path | None) -> None:
    if path is not None and not read_keys(path):
        raise ConfigError(f"there is no key in {path}", fix=f"make one: openmolmo serve keys add NAME --file {path}")


def _settings(options: Mapping[str, Any]) -> Any:
    from openmolmo.serving.openai import ServeSettings

    return ServeSettings(
        host=options["host"],
        public_names=tuple(options["public_name"]),
        allow_origins=tuple(options["allow_origin"]),
        allow_urls=tuple(host.lower() for host in options["allow_url"]),
        keys=tuple(hash_key(key) for key in options["api_key"]),
        key_file=options["api_keys"],
        max_body_mb=options["max_body_mb"],
        max_tokens=options["max_tokens"],
        default_tokens=min(512, options["max_tokens"]),
        request_seconds=options["timeout"],
        stop_seconds=options["stop_seconds"],
        log_contents=options["log_contents"],
    )


def _card(model: str, backend: Any) -> Any:
    from openmolmo.serving.openai import ModelCard

    nano = model == "nano"
    return ModelCard(
        description=_NANO if nano else "",
        knows="drawings" if nano else None,
        max_crops=backend.processor.crop.max_crops,
        context=backend.context,
    )


def _mount_page(app: FastAPI) -> bool:
    """Add the chat page, where it is installed."""
    if importlib.util.find_spec("openmolmo.serving.chat") is None:
        return False
    importlib.import_module("openmolmo.serving.chat").mount_chat(app)
    return True


def _log(options: Mapping[str, Any]) -> None:
    """Lines for requests go to standard error, with the time."""
    logger = logging.getLogger("openmolmo.serve")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.WARNING if options["quiet"] and not options["log_contents"] else logging.INFO)
    logging.getLogger("openmolmo.serve.requests").setLevel(logging.WARNING if options["quiet"] else logging.INFO)


def _address(host: str, port: int) -> str:
    host = "127.0.0.1" if host in _EVERY else host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
