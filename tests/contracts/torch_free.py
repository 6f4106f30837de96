"""Every command of the command line, in two lists: those that do without torch, and those that cannot.

Each has arguments with which it does something small in the folder that :func:`prepare` fills.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
from PIL import Image

from openmolmo.cli import cli
from openmolmo.engine.llm import LLM, LLMSettings, Request
from openmolmo.engine.synth.base import GENERATORS

FIXTURES = Path(__file__).parents[1] / "fixtures"

SENTENCE = (
    "error: this needs torch and transformers, and the package 'torch' is not installed\n"
    '  -> pip install "openmolmo[torch]"\n'
)

MARKS = ["csv", "marks.csv", "--images", "pictures", "--made", "person-clicked", "--out"]
"""Arguments of an import, but for the last."""

PLAIN: dict[str, list[str]] = {
    "data audit": ["set"],
    "data check": ["set"],
    "data filter": ["set", "--out", "filtered"],
    "data import": [*MARKS, "imported"],
    "data mix": ["paper"],
    "data show": ["set", "--out", "page.html"],
    "data stats": ["set"],
    "doctor": [],
    "llm ask": ["Hello", "--llm", "mock"],
    "llm check": ["--llm", "template"],
    "llm usage": ["replies.sqlite"],
}
"""Without torch, and without any extra."""

WITH_EXTRAS: dict[str, list[str]] = {
    "arena fit": ["votes.csv", "--rounds", "5"],
    "download SET_OR_FILE": ["urls.csv", "--out", "fetched again", "--mirror", "mine"],
    "download join": ["rows.jsonl", "--images", "fetched", "--out", "joined"],
    "download list": ["fetched"],
    "download report": ["fetched"],
    "eval metrics": [str(FIXTURES / "metrics/pointing.jsonl"), str(FIXTURES / "metrics/anls.jsonl")],
    "synth clocks": ["--count", "1", "--size", "64", "--out", "clocks"],
    "synth docs": ["--count", "2", "--tools", "matplotlib,typst", "--out", "docs"],
    "synth easy_scenes": ["--count", "1", "--size", "64", "--out", "easy"],
    "synth micro_scenes": ["--count", "1", "--size", "64", "--out", "micro"],
    "synth scenes": ["--count", "1", "--size", "64", "--workers", "2", "--out", "scenes"],
}
"""Without torch, with the extras download, eval and synth."""

MODELS: dict[str, list[str]] = {
    "answer": ["requests.jsonl", "--out", "answers.jsonl"],
    "ask": ["pictures/a.png", "Which colour?"],
    "caption": ["pictures/a.png"],
    "compose": ["--vision", "vision", "--llm", "language", "--out", "composed"],
    "count": ["pictures/a.png", "cups"],
    "data pack-report": ["nano_sft"],
    "demo": ["--quick", "--out", "demo"],
    "eval model": ["nano", "--data", "set", "--out", "judged"],
    "export": ["nano", "--out", "exported"],
    "point": ["pictures/a.png", "cup", "--out", "drawn.png"],
    "train": ["nano_sft", "--out", "run"],
}
"""These need torch."""

ANY = "SET_OR_FILE"
"""Stands for any argument in the help of ``download``."""


def every_command(group: click.Group = cli, before: str = "") -> Iterator[str]:
    """Names such as ``data check``, of commands that are no groups."""
    context = click.Context(group)
    for name in group.list_commands(context):
        if name in GENERATORS._local:  # of another test in this process
            continue
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from every_command(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def words(name: str, arguments: list[str]) -> list[str]:
    """What is typed after ``openmolmo``."""
    return [*(word for word in name.split() if word != ANY), *arguments]


def prepare(folder: Path) -> None:
    """Fill a folder: pictures, marks on them, URLs with a copy of what they lead to, votes and requests."""
    (folder / "pictures").mkdir()
    (folder / "mine/images.example").mkdir(parents=True)
    for name, colour in (("a", "red"), ("b", "blue")):
        Image.new("RGB", (64, 48), colour).save(folder / f"pictures/{name}.png")
        Image.new("RGB", (64, 48), colour).save(folder / f"mine/images.example/{name}.png")
    (folder / "marks.csv").write_text("image,label,x,y\na.png,cup,10,20\nb.png,star,30,40\n")
    (folder / "urls.csv").write_text("image_url\nhttp://images.example/a.png\nhttp://images.example/b.png\n")
    row = {"image_url": "http://images.example/a.png", "label": "cup", "points": [{"x": 10, "y": 20}]}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "votes.csv").write_text("model_a,model_b,winner\n" + "x,y,model_a\n" * 3 + "x,y,model_b\n")
    with LLM(LLMSettings(provider="mock", cache=folder / "replies.sqlite")) as model:
        model.complete(Request.of("Hello"))
    request = {"id": "1", "task": "ask", "image": "pictures/a.png", "text": "Which colour?"}
    (folder / "requests.jsonl").write_text(json.dumps(request) + "\n")
