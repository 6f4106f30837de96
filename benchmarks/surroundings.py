"""When, where and on what code a benchmark's figures were taken; and the memory of this process."""

from __future__ import annotations

import datetime
import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["memory", "restart_peak", "surroundings"]

BUSY = 1.0
"""Load average above which the machine is taken to be shared."""


def surroundings(*packages: str) -> dict[str, Any]:
    """Date, commit, machine, how busy it is, and the versions of Python and of ``packages`` (None: not installed)."""
    load = os.getloadavg()[0]
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "load_average": round(load, 1),
        "note": "shared with other work: go by processor time, not by the clock" if load > BUSY else "",
        "python": platform.python_version(),
        **{package: _version(package) for package in packages},
    }


def memory(key: str) -> int:
    """Bytes of resident memory by the kernel's own name: VmRSS now, VmHWM at its highest."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def restart_peak() -> None:
    """Let the highest mark start again from here, where the system can."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    words = [name or platform.processor() or platform.machine()]
    if "torch" in sys.modules:
        import torch

        words.append(torch.backends.cpu.get_cpu_capability())
    return ", ".join(words)
