"""All findings, and the lines that tell them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from openmolmo.core.doctor.finding import Finding
from openmolmo.core.doctor.machine import machine_findings
from openmolmo.core.doctor.packages import installed_findings
from openmolmo.core.doctor.torch_facts import torch_findings
from openmolmo.core.errors import OpenMolmoError
from openmolmo.core.registry import Registry

__all__ = ["CHECKS", "examine", "finding_lines"]

CHECKS: Registry[Callable[[], Iterable[Finding]]] = Registry("doctor_check")
"""Further things to look at, by the name of the thing."""

_MARKS = {"ok": "ok", "note": "-", "broken": "BROKEN"}


def examine(folder: Path) -> list[Finding]:
    """Look at everything; ``folder`` is where results would go. Needs no torch, and writes nothing that stays."""
    return [*installed_findings(), *torch_findings(), *machine_findings(folder, _cache()), *_of_rooms()]


def _of_rooms() -> Iterator[Finding]:
    """What rooms above this one know of the machine; one that fails is a finding too."""
    for name in CHECKS:
        try:
            yield from CHECKS.get(name)()
        except (ImportError, OSError, OpenMolmoError) as error:
            yield Finding(group="machine", name=name, value=f"cannot be looked at: {error}", state="note")


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """A heading a group, a line a finding, and under it what can be done where it is not well."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for group in dict.fromkeys(finding.group for finding in findings):
        lines.append(group)
        for finding in (one for one in findings if one.group == group):
            lines.append(f"  {_MARKS[finding.state]:6}  {finding.name:{width}}  {finding.value}")
            if finding.fix:
                lines.append(f"  {'':6}  {'':{width}}  -> {finding.fix}")
    return lines


def _cache() -> Path:
    try:
        from huggingface_hub import constants
    except ImportError:  # said among the versions
        return Path("~/.cache/huggingface/hub").expanduser()
    return Path(constants.HF_HUB_CACHE)
