"""The five steps of the demo, told as they happen."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterator
from pathlib import Path

import click

from openmolmo.core.errors import ConfigError
from openmolmo.core.files import disk_full_as_error
from openmolmo.core.optional import require
from openmolmo.core.progress import console
from openmolmo.evaluation.report import write_results
from openmolmo.evaluation.session import Setup, judge
from openmolmo.inference.load import find_model, load
from openmolmo.recipes.demo.calls import next_calls
from openmolmo.recipes.demo.data import DemoData, make_data
from openmolmo.recipes.demo.folder import open_folder
from openmolmo.recipes.demo.pictures import ask_about_pictures
from openmolmo.recipes.demo.plan import Plan
from openmolmo.recipes.demo.report import Story, write_report
from openmolmo.recipes.demo.scores import Comparison
from openmolmo.recipes.demo.training import train_stages

__all__ = ["run_demo"]

_STEPS = 5


class _Teller:
    """Says which step it is and how long the steps took."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.done: list[tuple[str, float]] = []

    @contextlib.contextmanager
    def step(self, title: str, about: str) -> Iterator[None]:
        began = time.monotonic()
        self.say(f"\n[{len(self.done) + 1}/{_STEPS}] {title}  ({_clock(began - self.began)} so far)", style="bold")
        self.say(f"  {about}")
        yield
        self.done.append((title, time.monotonic() - began))
        self.say(f"  done in {_clock(self.done[-1][1])}")

    def say(self, text: str, style: str | None = None) -> None:
        console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def run_demo(out: Path, plan: Plan, *, seed: int, model: str) -> Path:
    """Do all of it in folder ``out``; returns the page.

    Raises MissingDependencyError, CheckpointError (no such ``model``), ConfigError (it lies in ``out``)
    and RunError (``out`` is not the demo's) before anything is written.
    """
    for package in ("cv2", "scipy"):
        require(package, extra="synth,eval,train")
    if find_model(model).resolve().is_relative_to(out.resolve()):
        raise ConfigError(
            f"--model {model} lies in {out}, which the demo is about to replace",
            fix="copy the model, or choose another --out",
        )
    open_folder(out, seed)
    teller = _Teller()
    teller.say(f"seed {seed}: openmolmo demo --seed {seed} makes the same data again")
    with disk_full_as_error(out):
        with teller.step("Making data", f"{_counts(plan.train)} to learn from, {_counts(plan.test)} held out"):
            data = make_data(out / "data", plan, seed)
        with teller.step("Training a small model from scratch", _training_words(plan)):
            stages = train_stages(out / "training", plan, data.train, seed)
        with teller.step("Judging it, and the finished model", _judging_words(plan, model)):
            scores = _judge(out, plan, data, seed, str(stages[-1].final), model)
            scores.print()
        with teller.step(f"Asking {model} about three new pictures", "point, count, describe"):
            asked = ask_about_pictures(load(model, max_new_tokens=plan.max_new_tokens), out / "pictures", seed, model)
            for one in asked:
                teller.say(f"  {one.command}\n    {one.reply}")
        with teller.step("Writing the report", "curves, tables, pictures, right and wrong cases"):
            pointed = (asked[0].picture, asked[0].label)
            commands = next_calls(out, pointed, asked[-1].picture, stages[-1].final, model)
            page = write_report(
                Story(
                    out=out,
                    plan=plan,
                    seed=seed,
                    date=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
                    shown=data.shown,
                    stages=stages,
                    scores=scores,
                    asked=asked,
                    commands=commands,
                    steps=teller.done,
                )
            )
    _farewell(teller, page, commands)
    return page


def _judge(out: Path, plan: Plan, data: DemoData, seed: int, new: str, finished: str) -> Comparison:
    """Both models on the same questions; their own full reports lie under ``evaluation``."""
    both = []
    for name, model in (("trained-now", new), ("finished", finished)):
        console.print(f"  {model}", highlight=False, soft_wrap=True)
        setup = Setup(model=model, seed=seed, limit=plan.questions, max_new_tokens=plan.max_new_tokens)
        both.append(judge(setup, data.held_out))
        write_results(both[-1], out / "evaluation" / name, cases=4)
    return Comparison(both[0], both[1], Path(finished).name)


def _farewell(teller: _Teller, page: Path, commands: list[tuple[str, str]]) -> None:
    teller.say(f"\nThe demo took {_clock(time.monotonic() - teller.began)}. Open this page:", style="bold")
    click.echo(str(page.resolve()))
    teller.say("\nWhat to try next:", style="bold")
    for command, what in commands:
        teller.say(f"  {command}\n      {what}")


def _counts(sizes: dict[str, int]) -> str:
    return " and ".join(f"{count:,} {name}" for name, count in sizes.items())


def _training_words(plan: Plan) -> str:
    if plan.seconds is None:
        return f"{plan.steps} steps of each stage, only to see that they run"
    return f"seeing, captions, then everything; {plan.seconds / 60:g} minutes together (--minutes)"


def _judging_words(plan: Plan, model: str) -> str:
    return f"the same {plan.questions} questions a task for the new model and {model}, with two controls for each"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
