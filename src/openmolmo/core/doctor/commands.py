"""``openmolmo doctor``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from openmolmo.core.errors import MissingDependencyError

__all__ = ["doctor"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def doctor(as_json: bool) -> int:
    """Say what works on this machine, what is missing, and how to install it.

    Looks at versions, extras, devices, memory, disk and terminal; nothing is changed. Ends with 0 where all that is
    needed is here (extras may be missing), with 1 where something needed is missing or broken.
    """
    try:
        from openmolmo.core.doctor.report import examine, finding_lines
    except ModuleNotFoundError as error:  # what the report itself stands on
        raise MissingDependencyError(
            f"the package {error.name!r} is not installed, which every command needs", fix=f"pip install {error.name}"
        ) from error

    findings = examine(Path())
    broken = [finding for finding in findings if finding.state == "broken"]
    if as_json:
        values = {"ok": not broken, "findings": [dataclasses.asdict(finding) for finding in findings]}
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(finding_lines(findings)))
        click.echo(f"{len(broken)} broken" if broken else "all that is needed is here")
    return 1 if broken else 0
