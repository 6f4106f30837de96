"""The documentation is true: every Python block runs, every command line in it parses."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from openmolmo.cli import cli
from openmolmo.data.sources.base import SOURCES
from openmolmo.engine.count import DETECTORS
from openmolmo.engine.docs.base import FAMILIES
from openmolmo.engine.llm.providers.template import TEMPLATES
from openmolmo.engine.studio.importing.descriptors import DESCRIPTORS
from openmolmo.engine.studio.tasks.base import MODES
from openmolmo.engine.synth.base import GENERATORS
from openmolmo.evaluation.benchmarks.base import BENCHMARKS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in BLOCK.findall(page.read_text(encoding="utf-8")) if name == language]


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, language)]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", pages_with("python"), ids=name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a page share one namespace and one empty working folder, as a reader typing along would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(GENERATORS, "_local", dict(GENERATORS._local))  # what a page registers ends with the page
    for registry in (SOURCES, BENCHMARKS, TEMPLATES, MODES, DESCRIPTORS, DETECTORS, FAMILIES):
        monkeypatch.setattr(registry, "_local", dict(registry._local))
    scope: dict[str, object] = {"__name__": "docs"}
    for body in blocks(page, "python"):
        exec(compile(body, name(page), "exec"), scope)


def command_lines() -> list[tuple[str, str]]:
    lines = []
    for page in PAGES:
        for body in [*blocks(page, "console"), *blocks(page, "bash"), *blocks(page, "sh")]:
            for line in body.replace("\\\n", " ").splitlines():
                words = line.removeprefix("$ ").strip()
                if words.startswith("openmolmo "):
                    lines.append((name(page), words.split("  #")[0].split(" | ")[0].split(" > ")[0]))
    return lines


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_command_lines_parse(page: str, line: str) -> None:
    """Verbs and options of every command shown exist (arguments are not run)."""
    words = shlex.split(line)[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="openmolmo")
    while isinstance(command, click.Group) and words and (not words[0].startswith("-") or hasattr(command, "default")):
        found = command.get_command(context, words[0])
        if found is None and hasattr(command, "default"):
            words.insert(0, command.default)
            found = command.get_command(context, words[0])
        assert found is not None, f"{page}: no verb {words[0]!r} in: {line}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "-h", "--version"}
    for word in words:
        if word.startswith("-") and not re.fullmatch(r"-\d.*", word):
            assert word.split("=")[0] in known, f"{page}: {word} is no option of: {line}"


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
        broken += [f"{name(page)} -> {target}" for target in missing]
    assert not broken, broken


def headings(page: Path) -> set[str]:
    """Anchors of a page's headings: lower case, words joined by hyphens, punctuation dropped."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_into_pages_lead_to_headings() -> None:
    broken = []
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
            aim = page.parent / target if target else page
            if "://" not in target and aim.suffix == ".md" and aim.exists() and anchor not in headings(aim):
                broken.append(f"{name(page)} -> {target}#{anchor}")
    assert not broken, broken
