"""Every command of the command line, in two lists: those that do without torch, and those that cannot.

Each has arguments with which it does something small in the folder that :func:`prepare` fills.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
from PIL import Image

from openmolmo.cli import cli
from openmolmo.engine.llm import LLM, LLMSettings, Request
from openmolmo.engine.studio import queue, work
from openmolmo.engine.studio.importing.beginning import init_sample
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.engine.studio.store.tables import Person
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.records import write_dataset

FIXTURES = Path(__file__).parents[1] / "fixtures"

SENTENCE = (
    "error: this needs torch and transformers, and the package 'torch' is not installed\n"
    '  -> pip install "openmolmo[torch]"\n'
)

MARKS = ["csv", "marks.csv", "--images", "pictures", "--made", "person-clicked", "--out"]
"""Arguments of an import, but for the last."""

COMPARED = ["--model", "a=openai:a@http://127.0.0.1:9/v1", "--model", "b=openai:b@http://127.0.0.1:9/v1"]
"""Models that nobody asks before a worker runs."""

PLAIN: dict[str, list[str]] = {
    "ablate list": [],
    "ablate report": ["--markdown", "ablations.md"],
    "data audit": ["set"],
    "data check": ["set"],
    "data filter": ["set", "--out", "filtered"],
    "data import": [*MARKS, "imported"],
    "data mix": ["paper"],
    "data overlap": ["set", "pictures"],
    "data show": ["set", "--out", "page.html"],
    "data stats": ["set"],
    "doctor": [],
    "scaling list": [],
    "llm ask": ["Hello", "--llm", "mock"],
    "llm check": ["--llm", "template"],
    "llm usage": ["replies.sqlite"],
    "eval leaderboard": ["results.json", "--out", "board.html"],
    "eval power": ["500"],
    "eval published": ["academic"],
    "synth caption-qa": ["described.jsonl", "--out", "questions"],
}
"""Without torch, and without any extra."""

WITH_EXTRAS: dict[str, list[str]] = {
    "arena fit": ["votes.csv", "--rounds", "5"],
    "arena report": ["votes.csv", "--rounds", "5", "--out", "arena.html"],
    "arena schedule": ["votes.csv", "--count", "3"],
    "download SET_OR_FILE": ["urls.csv", "--out", "fetched again", "--mirror", "mine"],
    "download join": ["rows.jsonl", "--images", "fetched", "--out", "joined"],
    "download list": ["fetched"],
    "download report": ["fetched"],
    "eval captions correlate": ["--published"],
    "eval captions judge": ["drawn", "captions.jsonl", "--out", "judged captions"],
    "eval compare": ["results.json", "results.json", "--rounds", "100"],
    "scaling report": ["--markdown", "scaling.md"],
    "eval metrics": [str(FIXTURES / "metrics/pointing.jsonl"), str(FIXTURES / "metrics/anls.jsonl")],
    "studio export": ["work out", "--dir", "work"],
    "studio import": ["pictures", "--dir", "work", "--modes", "point"],
    "studio init": ["--dir", "new", "--project", "mine"],
    "studio worker": ["--dir", "work", "--until-idle"],
    "synth attribute_scenes": ["--count", "1", "--size", "64", "--out", "attribute"],
    "synth brief_scenes": ["--count", "1", "--size", "64", "--out", "brief"],
    "synth cards": ["--count", "1", "--size", "64", "--out", "cards"],
    "synth careless_scenes": ["--count", "1", "--size", "64", "--out", "careless"],
    "synth clocks": ["--count", "1", "--size", "64", "--out", "clocks"],
    "synth count": ["pictures", "--out", "counts"],
    "synth crowd_scenes": ["--count", "1", "--size", "64", "--out", "crowd"],
    "synth docs": ["--count", "2", "--tools", "matplotlib,typst", "--out", "docs"],
    "synth easy_scenes": ["--count", "1", "--size", "64", "--out", "easy"],
    "synth herd_scenes": ["--count", "1", "--size", "64", "--out", "herd"],
    "synth full_icons": ["--count", "1", "--size", "64", "--out", "full"],
    "synth icons": ["--count", "1", "--size", "64", "--out", "icons"],
    "synth micro_scenes": ["--count", "1", "--size", "64", "--out", "micro"],
    "synth relation_scenes": ["--count", "1", "--size", "64", "--out", "relation"],
    "synth scenes": ["--count", "1", "--size", "64", "--workers", "2", "--out", "scenes"],
    "synth small_scenes": ["--count", "1", "--size", "64", "--out", "small"],
    "synth sparse_scenes": ["--count", "1", "--size", "64", "--out", "sparse"],
    "synth told_scenes": ["--count", "1", "--size", "64", "--out", "told"],
}
"""Without torch, with the extras download, eval, studio and synth."""

TOGETHER: dict[str, list[str]] = {
    "studio backup": ["kept.tar", "--dir", "work"],
    "studio report": ["--dir", "work"],
    "studio restore": ["kept.tar", "--dir", "restored"],
    "studio transcribe": ["--again", "--no-wait", "--dir", "restored"],
    "studio users invite": ["--dir", "restored", "--role", "reviewer"],
    "studio users list": ["--dir", "restored"],
    "studio users role": ["Ada", "reviewer", "--dir", "restored"],
    "studio users reset": ["Ada", "--dir", "restored"],
    "studio users disable": ["Ada", "--dir", "restored"],
    "studio users erase": ["Ada", "--yes", "--dir", "restored"],
    "serve keys add": ["Ada", "--file", "keys.jsonl"],
    "serve keys list": ["--file", "keys.jsonl"],
    "serve keys remove": ["Ada", "--file", "keys.jsonl"],
    "studio compare": ["questions.jsonl", "--dir", "restored", *COMPARED],
}
"""Without torch, with the extra studio: in this order, each goes on from what those before it left."""

SERVERS: dict[str, list[str]] = {"studio serve": ["--dir", "served", "--port", "0", "--no-open", "--no-worker"]}
"""Without torch, with the extra studio; they go on until they are stopped."""

MODELS: dict[str, list[str]] = {
    "ablate run": ["2d", "--scale", "0.006", "--seeds", "2", "--dir", "ablated"],
    "answer": ["requests.jsonl", "--out", "answers.jsonl"],
    "ask": ["pictures/a.png", "Which colour?"],
    "caption": ["pictures/a.png"],
    "compose": ["--vision", "vision", "--llm", "language", "--out", "composed"],
    "count": ["pictures/a.png", "cups"],
    "data pack-report": ["nano_sft"],
    "demo": ["--quick", "--out", "demo"],
    "eval card": ["nano", "--count", "2"],
    "eval known-world": ["nano", "--data", "set"],
    "eval model": ["nano", "--data", "set", "--out", "judged"],
    "eval suite": ["text_vqa", "--data", str(FIXTURES / "benchmarks/sets"), "--shuffled", "0", "--out", "suite"],
    "export": ["nano", "--out", "exported"],
    "parity": ["nano", "nano", "--count", "1"],
    "point": ["pictures/a.png", "cup", "--out", "drawn.png"],
    "scaling run": ["crops", "--scale", "0.006", "--seeds", "1", "--dir", "scaled"],
    "serve model": ["nano", "--port", "0", "--no-open"],
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
    said = {"image": "pictures/a.png", "caption": "A red bus stands next to a brown dog."}
    (folder / "described.jsonl").write_text(json.dumps(said) + "\n")
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "votes.csv").write_text("model_a,model_b,winner\n" + "x,y,model_a\n" * 3 + "x,y,model_b\n")
    with LLM(LLMSettings(provider="mock", cache=folder / "replies.sqlite")) as model:
        model.complete(Request.of("Hello"))
    scene = make_example(GENERATORS.get("scenes"), seed=0, index=0, size=64)
    write_dataset(folder / "drawn", [scene])
    (folder / "captions.jsonl").write_text(json.dumps({"id": scene.id, "caption": "There is a red star."}) + "\n")
    rows = [{"id": f"p/{i}", "scores": {"accuracy": i % 2}} for i in range(4)]
    (folder / "results.json").write_text(json.dumps({"meta": {"model": "x"}, "rows": {"pointing": rows}}))
    prepare_studio(folder / "work")
    question = {"question_id": "1", "image": "pictures/a.png", "question": "Which colour?"}
    (folder / "questions.jsonl").write_text(json.dumps(question) + "\n")
    request = {"id": "1", "task": "ask", "image": "pictures/a.png", "text": "Which colour?"}
    (folder / "requests.jsonl").write_text(json.dumps(request) + "\n")


def prepare_studio(folder: Path) -> None:
    """A studio with one piece of finished work."""
    folder.mkdir()
    with closing(upgrade(f"sqlite:///{folder / 'studio.sqlite'}")) as database:
        init_sample(folder, database)
        with database.begin() as session:
            person = Person(name="Ada", role="annotator", created_at=0.0)
            session.add(person)
            session.flush()
            lease = queue.take(session, person.id, 1, "point", 0.0)
            assert lease is not None
            found = {"groups": [{"label": "key", "points": [{"x": 10, "y": 20}]}], "absent": []}
            work.submit(session, lease.id, person.id, found, 1000, 1.0)
