"""Who works in a folder now: claims of many processes and machines on one shared file system.

A claim is a file ``lease-N.json``, made in one step that only one process can take; its owner touches it every few
seconds. Whoever finds the highest one ended (its process is gone, or on another machine it was not touched for long)
makes the next number. Nothing is ever deleted but by its owner, so that two can never hold the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["Lease", "claim", "holder"]

BEAT = 10.0
"""Seconds between touches."""
PATIENCE = 120.0
"""Seconds without a touch after which a lease of another machine has ended."""


class Lease:
    """A claim that is held; leaving the ``with`` block gives it back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease {path.parent.name}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with contextlib.suppress(FileNotFoundError):
                os.utime(self.path)


def claim(folder: Path) -> Lease | None:
    """Claim a folder, which is made; None where another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    newest = _newest(folder)
    if newest is not None and not _has_ended(newest[1]):
        return None
    path = folder / f"lease-{(newest[0] if newest else 0) + 1}.json"
    owner = {"host": platform.node(), "pid": os.getpid(), "born": _born(os.getpid())}
    # Made whole under another name: nobody may read half of it.
    draft = folder / f".{path.name}.{platform.node()}-{os.getpid()}-{threading.get_ident()}.tmp"
    draft.write_text(json.dumps(owner), encoding="utf-8")
    try:
        os.link(draft, path)
    except FileExistsError:
        return None
    finally:
        draft.unlink(missing_ok=True)
    return Lease(path)


def holder(folder: Path) -> str | None:
    """Who holds a folder, in words; None where nobody does."""
    newest = _newest(folder)
    if newest is None or _has_ended(newest[1]):
        return None
    owner = _read(newest[1])
    return f"process {owner.get('pid')} on {owner.get('host')}"


def _newest(folder: Path) -> tuple[int, Path] | None:
    found = [(_number(path), path) for path in _leases(folder)]
    return max(found, default=None)


def _leases(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("lease-*.json") if path.stem.removeprefix("lease-").isdigit())


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("lease-"))


def _has_ended(path: Path) -> bool:
    owner = _read(path)
    if owner.get("host") == platform.node() and isinstance(owner.get("pid"), int):
        return _born(owner["pid"]) != owner.get("born")  # one that only sleeps goes on later
    try:
        return _now(path.parent) - path.stat().st_mtime > PATIENCE
    except FileNotFoundError:
        return True


def _read(path: Path) -> dict[str, Any]:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _now(folder: Path) -> float:
    """The file system's own time, which machines agree on."""
    probe = folder / f".now.{platform.node()}-{os.getpid()}-{threading.get_ident()}.tmp"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _born(pid: int) -> str | None:
    """When a process of this machine began, as the system counts; None where there is none.

    A number alone may be another process's by now. Where the system does not tell, being there is all that is known.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        return _alive(pid)
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _alive(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return "there"
    return "there"
