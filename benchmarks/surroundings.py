"""When, where and on what code a benchmark's figures were taken; the memory of this process; and where figures go.

Speed on a processor depends on the instructions that it has. Benchmarks say which ones PyTorch's kernels used (its
*capability*), and ``--capability avx2`` hides newer ones from all libraries, so that any machine with them can be
measured as one without. Figures of both stand side by side in one file.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from openmolmo.core.files import write_json

__all__ = ["add_capability_option", "capability", "hold_to", "memory", "restart_peak", "surroundings", "write_figures"]

BUSY = 1.0
"""Load average above which the machine is taken to be shared."""


AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENCV_CPU_DISABLE": "AVX512-SKX",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512_SKX",
}
"""What hides newer instructions than AVX2 from PyTorch's own kernels, oneDNN, MKL (Intel's processors only), OpenCV
and NumPy."""


def add_capability_option(parser: argparse.ArgumentParser) -> None:
    """``--capability``, for :func:`hold_to`."""
    parser.add_argument("--capability", choices=["avx2"], help="hide newer instructions than these from all libraries")


def hold_to(wanted: str | None) -> None:
    """Start this program again with newer instructions hidden, where that is asked for and not so yet."""
    if wanted == "avx2" and any(os.environ.get(name) != value for name, value in AVX2.items()):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **AVX2})


def capability() -> str:
    """The instructions that PyTorch's kernels use here, e.g. AVX2 or AVX512."""
    ask = "import torch; print(torch.backends.cpu.get_cpu_capability())"
    if "torch" in sys.modules:
        import torch

        return str(torch.backends.cpu.get_cpu_capability())
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()


def write_figures(path: Path, benchmark: str, figures: dict[str, Any]) -> None:
    """Write figures, which have a ``capability``, beside those of other capabilities that the file has already."""
    known = json.loads(path.read_text()).get("by_capability", {}) if path.exists() else {}
    known[figures["capability"]] = figures
    write_json(path, {"benchmark": benchmark, "by_capability": dict(sorted(known.items()))})
    print(f"written: {path}, {figures['capability']}")


def surroundings(*packages: str) -> dict[str, Any]:
    """Date, commit, machine, its capability (and what was set to hide more), how busy it is, and the versions of
    Python and of ``packages`` (None: not installed)."""
    load = os.getloadavg()[0]
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "capability": capability(),
        "hidden": {name: os.environ[name] for name in AVX2 if name in os.environ},
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
    return name or platform.processor() or platform.machine()
