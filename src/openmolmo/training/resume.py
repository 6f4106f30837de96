"""Is this folder free for a run, or is it the same run, to go on with?"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from openmolmo.core.config import from_dict, to_dict
from openmolmo.core.errors import ConfigError, DataError, RunError
from openmolmo.core.progress import console
from openmolmo.training.checkpoint import newest_whole
from openmolmo.training.checksums import Hashes, hash_files
from openmolmo.training.config import BaseRunConfig
from openmolmo.training.parallel.world import told_by

__all__ = ["FREE_SETTINGS", "changed_settings", "check_same_run", "open_out", "require_same", "saved_config"]

_AnyRun = TypeVar("_AnyRun", bound=BaseRunConfig)

FREE_SETTINGS = frozenset(
    {
        "checkpoint_every",
        "device",
        "keep",
        "loader.max_skipped",
        "loader.prefetch",
        "loader.workers",
        "log_every",
        "parallel.async_save",
        "parallel.checkpointing",
        "parallel.compile",
        "parallel.reduce",
        "parallel.mode",
        "parallel.replicate",
        "parallel.timeout",
        "require_audit",
        "threads",
        "workers",
    }
)
"""Settings that may differ when a run goes on: they change neither the data nor the mathematics."""


def open_out(out: Path, resume: bool, hashes: Hashes = hash_files, shown: bool = True) -> Path | None:
    """Whether a run may use ``out``; returns the checkpoint to go on from (None: from the start). Writes nothing.

    Damaged checkpoints are passed over, and named. Raises RunError if ``out`` holds something and ``resume`` is
    not set, if it is not a folder, or if all its checkpoints are damaged. ``hashes`` are those of files, by name;
    only where it is ``shown`` anything is printed.
    """
    with told_by(shown, RunError):
        return _open_out(out, resume, hashes, shown)


def _open_out(out: Path, resume: bool, hashes: Hashes, shown: bool) -> Path | None:
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file, and a run needs a folder", fix="choose another --out")
    above = next(parent for parent in (out, *out.absolute().parents) if parent.exists())
    if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        why = "may not be written to" if above.is_dir() else "is not a folder"
        raise RunError(f"{out} cannot be made: {above} {why}", fix="choose another --out")
    if out.is_dir() and any(out.iterdir()) and not resume:
        raise RunError(
            f"{out} is not empty",
            fix="go on with that run by --resume, or choose another folder by --out (or delete it)",
        )
    if not resume:
        return None
    found, damaged = newest_whole(out, hashes)
    for path, fault in damaged.items() if shown else ():
        console.print(f"{path.name} is damaged: {fault}", highlight=False, soft_wrap=True)
    if damaged and found is None:
        raise RunError(
            f"no checkpoint in {out} is whole ({', '.join(path.name for path in damaged)})",
            fix="restore one from a copy, or delete them to start from the beginning",
        )
    if found is None and shown:
        console.print(f"there is no checkpoint in {out} to go on from: starting from the beginning", highlight=False)
    if found is not None and shown:
        why = ", the newest that is whole" if damaged else ""
        console.print(f"going on from {found.name}{why}", highlight=False)
    return found


def saved_config(out: Path, recipe: _AnyRun) -> _AnyRun:
    """The settings that the run in ``out`` was started with; ``recipe`` where it had not begun.

    Raises ConfigError if it was started by another recipe.
    """
    path = out / "config.json"
    if not path.is_file():
        return recipe
    try:
        saved: _AnyRun = from_dict(type(recipe), json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise RunError(f"{path} is not JSON: {error}", fix="delete that file and give all settings again") from error
    if saved.name != recipe.name:
        raise ConfigError(f"{out} holds a run called {saved.name!r}, not {recipe.name!r}", fix="choose its own --out")
    return saved


def check_same_run(state: Mapping[str, Any], config: BaseRunConfig, fingerprints: Mapping[str, str]) -> None:
    """Raise ConfigError or DataError if a checkpoint belongs to other settings or other data."""
    require_same(from_dict(type(config), state["config"]), config)  # what is newer has its default there
    for name, fingerprint in fingerprints.items():
        if state["fingerprints"].get(name) != fingerprint:
            raise DataError(
                f"the data set {name!r} has changed since the checkpoint: fingerprint "
                f"{state['fingerprints'].get(name)} then, {fingerprint} now",
                fix="restore the data, or start a new run",
            )


def require_same(before: BaseRunConfig, now: BaseRunConfig) -> None:
    """Raise ConfigError if two configurations would give different results."""
    changed = changed_settings(to_dict(before), to_dict(now))
    if changed:
        lines = ", ".join(f"{key}: {was!r} before, {is_now!r} now" for key, (was, is_now) in changed.items())
        raise ConfigError(
            f"the run in this folder has other settings ({lines})",
            fix="resume with the settings it was started with, or start a new run in another --out",
        )


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Settings that differ and are not free: dotted key -> (before, now)."""
    flat_before, flat_now = _flatten(before, ""), _flatten(now, "")
    every = {**flat_before, **flat_now}
    keys = [key for key in every if key not in FREE_SETTINGS and not key.startswith("watch.")]
    return {key: (flat_before.get(key), flat_now.get(key)) for key in keys if flat_before.get(key) != flat_now.get(key)}


def _flatten(value: Any, prefix: str) -> dict[str, Any]:
    items: list[tuple[str, Any]]
    if isinstance(value, Mapping) and value:
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and value:
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in items:
        flat.update(_flatten(item, f"{prefix}.{key}" if prefix else key))
    return flat
