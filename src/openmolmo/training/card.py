"""What a final model says of its training: ``training.json`` for programs, ``README.md`` for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openmolmo.core.files import write_json, write_text
from openmolmo.model.folder import FACTS
from openmolmo.training.audit import DataAudit
from openmolmo.training.config import BaseRunConfig

__all__ = ["facts_of", "write_card"]


def facts_of(
    config: BaseRunConfig, step: int, fingerprints: Mapping[str, str], audit: DataAudit | None
) -> dict[str, Any]:
    """Name, steps, start and data of a run that ends after ``step``."""
    return {
        "name": config.name,
        "step": step,
        "steps": config.steps,
        "started_from": config.init_from or f"fresh weights of {config.model}",
        "data": dict(fingerprints),
        "audit": None if audit is None else audit.to_json(),
    }


def write_card(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write both files."""
    write_json(folder / FACTS, dict(facts))
    write_text(folder / "README.md", _card(facts))


def _card(facts: Mapping[str, Any]) -> str:
    early = facts["step"] < facts["steps"]
    lines = [
        f"# {facts['name']}",
        "",
        f"Trained by openmolmo: {facts['step']} of {facts['steps']} steps{' (ended early)' if early else ''}, from "
        f"{facts['started_from']}.",
        "",
    ]
    if facts["audit"] is None:
        return "\n".join([*lines, "Its data are drawn by the package's own generators.", ""])
    lines += ["| data set | fingerprint | annotations | refused by the audit |", "|---|---|---:|---:|"]
    for name, fingerprint in facts["data"].items():
        refused = sum(facts["audit"]["refused"].get(name, {}).values())
        lines.append(f"| {name} | {fingerprint} | {facts['audit']['annotations'].get(name, 0)} | {refused} |")
    said = facts["audit"]["line"]
    verdict = f"{said}: made by a vision-language model, or nobody says how." if said else "All data pass the audit."
    return "\n".join([*lines, "", verdict, ""])
