"""Processor, memory, disk, fonts and terminal, by the standard library."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from openmolmo.core.doctor.finding import Finding

__all__ = ["machine_findings"]

_LITTLE_MEMORY = 4e9
_LITTLE_DISK = 2e9
_NO_DISK = 1e8
"""Bytes under which a note is made: a demo takes some 2 GB of memory and 0.5 GB of disk; a checkpoint of nano 0.1."""

_FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.fonts",
    "~/.local/share/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "~/Library/Fonts",
    "C:/Windows/Fonts",
)
_FONTS = {".ttf", ".otf", ".ttc"}


def machine_findings(folder: Path, cache: Path) -> Iterator[Finding]:
    """``folder`` is where results would go, ``cache`` where models of the hub are kept."""
    yield _cores()
    yield from _memory()
    yield _disk("disk here", folder)
    yield _disk("cache of models", cache)
    yield _writable("cache of models", cache)
    yield _writable("temporary files", Path(tempfile.gettempdir()))
    yield _fonts()
    yield _terminal()


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    value = f"{usable} of {os.cpu_count()} usable ({platform.machine()})"
    if limit := os.environ.get("OMP_NUM_THREADS"):
        value += f", OMP_NUM_THREADS={limit}"
    return Finding(group="machine", name="processor cores", value=value)


def _memory() -> Iterator[Finding]:
    total = _total_memory()
    if total is None:
        yield Finding(group="machine", name="memory", value="unknown on this system", state="note")
        return
    free = _available_memory()
    value = f"{total / 1e9:.1f} GB" + ("" if free is None else f", {free / 1e9:.1f} GB of it free")
    little = min(total, total if free is None else free) < _LITTLE_MEMORY
    fix = "close other programs, or use a smaller batch (loader.rows=..., --batch-size ...)" if little else None
    yield Finding(group="machine", name="memory", value=value, state="note" if little else "ok", fix=fix)


def _total_memory() -> int | None:
    """Bytes of the machine, or what a container is allowed of it."""
    found = []
    with contextlib.suppress(ValueError, OSError, AttributeError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(ValueError, OSError):
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(found, default=None)


def _available_memory() -> int | None:
    with contextlib.suppress(ValueError, OSError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _existing(path: Path) -> Path:
    return next(p for p in (path.absolute(), *path.absolute().parents) if p.is_dir())


def _disk(name: str, path: Path) -> Finding:
    free = shutil.disk_usage(_existing(path)).free
    return Finding(
        group="disk",
        name=name,
        value=f"{free / 1e9:.1f} GB free at {path.absolute()}",
        state="broken" if free < _NO_DISK else "note" if free < _LITTLE_DISK else "ok",
        fix="free some space, or write elsewhere" if free < _LITTLE_DISK else None,
    )


def _writable(name: str, path: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=_existing(path)):
            return Finding(group="disk", name=name, value=f"{path} can be written")
    except OSError as error:
        fix = "export HF_HOME=FOLDER" if "cache" in name else "export TMPDIR=FOLDER"
        return Finding(
            group="disk",
            name=name,
            value=f"{path} cannot be written: {error.strerror}",
            state="broken",
            fix=f"{fix}, one that can be written",
        )


def _fonts() -> Finding:
    own = _count_fonts(Path(__file__).parents[2])
    others = sum(_count_fonts(Path(folder).expanduser()) for folder in _FONT_FOLDERS)
    return Finding(
        group="machine",
        name="fonts",
        value=f"{others} files of the system, {own} of this package (clocks and scenes draw their own letters)",
    )


def _count_fonts(folder: Path) -> int:
    return sum(Path(name).suffix.lower() in _FONTS for _, _, names in os.walk(folder) for name in names)


def _terminal() -> Finding:
    encoding = (getattr(sys.stdout, "encoding", None) or "unknown").lower()
    where = f"{shutil.get_terminal_size().columns} columns" if sys.stdout.isatty() else "no terminal"
    fine = encoding.replace("-", "") == "utf8"
    return Finding(
        group="machine",
        name="output",
        value=f"{encoding}, {where}",
        state="ok" if fine else "note",
        fix=None if fine else "export PYTHONUTF8=1, so that answers in any script can be printed",
    )
