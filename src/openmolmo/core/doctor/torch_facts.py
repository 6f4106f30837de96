"""What PyTorch finds: instructions of the processor, threads, accelerators. It may be absent, or broken."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from openmolmo.core.doctor.finding import Finding

__all__ = ["torch_findings"]

_BFLOAT16 = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")


def torch_findings() -> Iterator[Finding]:
    """Nothing where PyTorch is not installed, which the versions tell already."""
    try:
        metadata.version("torch")
    except metadata.PackageNotFoundError:
        return
    try:
        # By name: this room does without torch, and most commands never get here.
        torch: Any = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        yield Finding(
            group="devices",
            name="torch",
            value=f"is installed but cannot be imported: {error}",
            state="broken",
            fix="pip install --force-reinstall torch",
        )
        return
    yield from _processor(torch)
    yield from _accelerators(torch)


def _processor(torch: Any) -> Iterator[Finding]:
    capability = torch.backends.cpu.get_cpu_capability()
    # As model.matmul decides: ATEN_CPU_CAPABILITY may hide what the processor has.
    fast = capability == "AVX512" and any(bool(getattr(torch.cpu, check, bool)()) for check in _BFLOAT16)
    yield Finding(group="devices", name="instructions", value=capability)
    yield Finding(
        group="devices",
        name="bfloat16",
        value="multiplied by the processor" if fast else "emulated here, slowly: runs use float32",
    )
    yield Finding(group="devices", name="threads of torch", value=str(torch.get_num_threads()))


def _accelerators(torch: Any) -> Iterator[Finding]:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for number in range(count):
        facts = torch.cuda.get_device_properties(number)
        memory = f"{facts.total_memory / 2**30:.0f} GiB"
        yield Finding(group="devices", name=f"cuda:{number}", value=f"{facts.name}, {memory}")
    if torch.backends.mps.is_available():
        yield Finding(group="devices", name="mps", value="Apple's accelerator; commands use the processor")
    elif not count:
        built = torch.version.cuda
        why = f"none is usable (torch is built for CUDA {built})" if built else "none (torch is built without CUDA)"
        yield Finding(group="devices", name="accelerator", value=f"{why}: everything runs on the processor")
