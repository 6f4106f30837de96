"""What is installed: the package itself, what it needs, and each extra with what it is for.

All of it is read from the metadata of installed packages; none of them is imported.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from openmolmo.core.doctor.finding import Finding

__all__ = ["PURPOSES", "installed_findings"]

PURPOSES: Mapping[str, str] = {
    "devices": "a model over several devices; the library's Trainer",
    "dev": "tests and checks of this project",
    "download": "pictures of published sets",
    "eval": "pointing scores, reports with curves, models behind an address",
    "fast": "quicker reading of JPEG files",
    "hub": "published sets by name",
    "inspect": "models inside inspect_ai",
    "llm": "text-only language models over HTTP",
    "lm-eval": "models inside lm-evaluation-harness",
    "lmms-eval": "models inside lmms-eval",
    "ocr": "writing in pictures, read as lines",
    "peft": "adapters (LoRA)",
    "quantize": "eight and four bits",
    "ray": "making data on many machines",
    "serve": "answering programs and people over HTTP",
    "speech": "recordings, and their text offline",
    "speech-server": "text of recordings by a server",
    "studio": "people make data together, in a browser",
    "docs": "making documents: typst, Matplotlib and Vega-Lite",
    "docs-browser": "documents by a browser: HTML, Mermaid, Plotly",
    "docs-latex": "documents by LaTeX",
    "synth": "making data: clocks and scenes; with eval and train, the demo",
    "tensorboard": "curves in TensorBoard",
    "torch": "models: ask, train, judge",
    "trackio": "curves in trackio",
    "train": "curves of a run as a picture",
    "trl": "training in TRL's SFTTrainer",
    "vllm": "models inside vLLM, on accelerators",
    "wandb": "curves in Weights & Biases",
    "whisper": "text of recordings by Whisper",
}
"""What each extra is for, as the table shows it."""

_FOR_DEVELOPERS = {"dev"}


def installed_findings(name: str = "openmolmo") -> Iterator[Finding]:
    """Versions of Python and of what is needed; which extras are complete."""
    yield Finding(group="versions", name="python", value=f"{platform.python_version()} ({platform.platform()})")
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        yield Finding(
            group="versions",
            name=name,
            value="not installed: it runs from its source folder",
            state="broken",
            fix="pip install -e . in that folder, so that its commands, generators and data sets are found",
        )
        return
    yield Finding(group="versions", name=name, value=found.version)
    yield from _bundled()
    needed = _requirements(found, "")
    for requirement in needed:
        fault = _fault(requirement)
        value = fault or metadata.version(requirement.name)
        fix = f'pip install "{_plain(requirement)}"' if fault else None
        yield Finding(group="versions", name=requirement.name, value=value, state="broken" if fault else "ok", fix=fix)
    for extra in sorted(found.metadata.get_all("Provides-Extra") or []):
        if extra not in _FOR_DEVELOPERS:
            yield _extra(found, extra)


def _extra(found: metadata.Distribution, extra: str) -> Finding:
    what = PURPOSES.get(extra, "a plug-in's")
    lacking = ", ".join(_lacking(found, extra))
    if not lacking:
        return Finding(group="extras", name=extra, value=what)
    fix = f'pip install "{found.metadata["Name"]}[{extra}]"'
    return Finding(group="extras", name=extra, value=f"{what}: {lacking}", state="note", fix=fix)


def _requirements(found: metadata.Distribution, extra: str) -> list[Requirement]:
    """What the plain installation needs, or what ``extra`` adds to it: this package itself, for extras it includes."""
    parsed = [_parsed(text) for text in found.requires or []]
    if not extra:
        return [r for r in parsed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return [r for r in parsed if r.marker is not None and _only_with(r, extra)]


@cache
def _parsed(text: str) -> Requirement:
    """One line of the metadata; each is asked for once an extra, and reading it took most of a call."""
    return Requirement(text)


def _lacking(found: metadata.Distribution, extra: str) -> Iterator[str]:
    """What ``extra`` needs and is not well here, in words; of the extras that it includes only their names."""
    own = canonicalize_name(found.name)  # reads all metadata anew
    for requirement in _requirements(found, extra):
        if canonicalize_name(requirement.name) == own:
            included = (other for other in sorted(requirement.extras) if any(_lacking(found, other)))
            yield from (f"the extra {other} is not complete" for other in included)
        elif (fault := _fault(requirement)) is not None:
            yield f"{requirement.name} {fault}"


def _only_with(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    assert marker is not None
    return marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _fault(requirement: Requirement) -> str | None:
    """What is wrong with a requirement here, None if nothing is."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return "is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"is {version}, needed is {requirement.specifier}"


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _bundled() -> Iterator[Finding]:
    folder = Path(__file__).parents[2] / "bundled"
    models = sorted(path.parent.name for path in folder.glob("*/config.json"))
    yield Finding(
        group="versions",
        name="bundled models",
        value=", ".join(models) or "none: give --model, or train one",
        state="ok" if models else "note",
    )
