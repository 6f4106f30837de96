"""The six steps of the demo, told as they happen."""

from __future__ import annotations

import contextlib
import datetime
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import click

from openmolmo.apps.demo.calls import next_calls
from openmolmo.apps.demo.data import GENERATOR, make_data
from openmolmo.apps.demo.folder import open_folder
from openmolmo.apps.demo.judging import judge_both
from openmolmo.apps.demo.pace import measure
from openmolmo.apps.demo.pictures import ask_about_pictures
from openmolmo.apps.demo.plan import QUICK, Plan, full, too_short
from openmolmo.apps.demo.report import Story, write_report
from openmolmo.apps.demo.training import train_stages
from openmolmo.core.errors import ConfigError, StoppedError
from openmolmo.core.files import disk_full_as_error
from openmolmo.core.optional import require
from openmolmo.core.progress import console
from openmolmo.inference.load import load
from openmolmo.model.find import find_model
from openmolmo.recipes.micro import MICRO_SIZE

__all__ = ["run_demo"]

_STEPS = 6


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


def run_demo(out: Path, minutes: float | None, *, seed: int, model: str, quick: bool = False) -> Path:
    """Do all of it in folder ``out``, training for so many ``minutes``; returns the page.

    None: as many as suit this machine. ``quick``: a few steps instead.

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
    with disk_full_as_error(out), _stopped_by_hand(out):
        with teller.step("Looking how fast this machine is", "a few pictures drawn, a few steps of training"):
            plan = QUICK if quick else full(minutes, measure())
            teller.say(f"  {_pace_words(plan)}")
        with teller.step("Making data", f"{plan.train:,} pictures to learn from, {plan.test:,} held out"):
            data = make_data(out / "data", plan, seed)
        with teller.step("Training a small model from scratch", _training_words(plan)):
            stages = train_stages(out / "training", plan, data.train, seed)
        with teller.step("Judging it, and the finished model", _judging_words(plan, model)):
            scores = judge_both(out / "evaluation", plan, data.held_out, seed, str(stages[-1].final), model)
            scores.print()
            teller.say(f"  {scores.words(plan)}")
        with teller.step("Asking both about three new pictures each", "point, count, describe"):
            new = str(stages[-1].final)
            asked = ask_about_pictures(load(model, max_new_tokens=320), out / "pictures", seed, model)
            asked += ask_about_pictures(
                load(new, max_new_tokens=plan.max_new_tokens),
                out / "pictures",
                seed,
                new,
                generator=GENERATOR,
                size=MICRO_SIZE,
                first=4,
            )
            for one in asked:
                teller.say(f"  {one.command}\n    {one.reply}")
                teller.say(f"    {one.verdict}", style="green" if one.right else "red")
        with teller.step("Writing the report", "curves, tables, pictures, right and wrong cases"):
            pointed = (asked[0].picture, asked[0].label)
            commands = next_calls(out, pointed, asked[-1].picture, [stage.final for stage in stages], model)
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


@contextlib.contextmanager
def _stopped_by_hand(out: Path) -> Iterator[None]:
    """Ctrl-C outside of training, which saves first, is one sentence too."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise StoppedError(
            f"stopped by Ctrl-C; what is finished lies in {out}",
            signal=signal.SIGINT,
            fix="run the demo again: it starts anew",
        ) from error


def _farewell(teller: _Teller, page: Path, commands: list[tuple[str, str]]) -> None:
    teller.say(f"\nThe demo took {_clock(time.monotonic() - teller.began)}. Open this page:", style="bold")
    click.echo(str(page.resolve()))
    teller.say("\nWhat to try next:", style="bold")
    for command, what in commands:
        teller.say(f"  {command}\n      {what}")


def _pace_words(plan: Plan) -> str:
    pace = plan.pace
    if pace is None:
        return "not needed for a quick run"
    words = f"pictures a second: {pace.making:.0f} drawn, {pace.seeing:.0f} seen, {pace.answering:.1f} answered about"
    if plan.short_of is not None:
        words += f"\n  {too_short(plan)}"
    return words


def _training_words(plan: Plan) -> str:
    if plan.seconds is None:
        return f"{plan.steps} steps of each stage, only to see that they run"
    return f"seeing, then answering; {plan.seconds / 60:.1f} minutes together (--minutes)"


def _judging_words(plan: Plan, model: str) -> str:
    return (
        f"the same questions, up to {plan.questions} a task, for the new model and {model}, with two controls for each"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
