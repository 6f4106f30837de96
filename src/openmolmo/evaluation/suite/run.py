"""A whole suite: choose benchmarks, read their questions, ask, score, write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from openmolmo.core.config import override
from openmolmo.core.console import counted
from openmolmo.core.errors import ConfigError, DataError, OpenMolmoError, RunError
from openmolmo.core.files import require_writable
from openmolmo.core.progress import say
from openmolmo.core.runlog import RunLog
from openmolmo.evaluation.benchmarks.base import BENCHMARKS, SUITES, Benchmark, RequestSettings
from openmolmo.evaluation.captions.judges import SCENES, judge_of
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.suite.asking import Asking, ask_all
from openmolmo.evaluation.suite.average import members
from openmolmo.evaluation.suite.jobs import Job, jobs_of, questions_mark
from openmolmo.evaluation.suite.journal import Journal, hold_to_settings
from openmolmo.evaluation.suite.judging import Judged, judge
from openmolmo.evaluation.suite.models.base import SuiteModel
from openmolmo.evaluation.suite.models.find import ModelChoice, find_model
from openmolmo.evaluation.suite.models.replies import RepliesModel
from openmolmo.evaluation.suite.outputs import write_outputs
from openmolmo.evaluation.suite.page import write_page
from openmolmo.evaluation.suite.questions import Loaded, Places, load_questions
from openmolmo.records.example import Split

__all__ = ["Outcome", "SuiteSetup", "choose", "run_suite"]

JUDGE = "judge.jsonl"
"""What the judge said, in the folder of a run."""

Chosen = tuple[Benchmark, Split, RequestSettings]


@dataclass(frozen=True, kw_only=True)
class SuiteSetup:
    """What to judge on (``names``: a suite, ``all``, or benchmarks with commas, each perhaps ``NAME:SPLIT``), where the
    data are, and how to ask. ``changes`` are ``NAME.key=value`` or, for all benchmarks, ``key=value``; ``shuffled``:
    most questions a benchmark that are asked about another picture too; ``cases``: right and wrong ones on the page;
    ``judge``: who judges captions and extracts MathVista's answers, see ``captions.judges``.
    """

    names: str = "academic11"
    out: Path = Path("suite")
    places: Places = field(default_factory=Places)
    profile: Profile = "released"
    limit: int | None = None
    shuffled: int = 500
    changes: Sequence[str] = ()
    resume: bool = False
    cases: int = 8
    judge: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a suite gave: benchmarks that were judged, those that could not be and why, and how the asking went."""

    judged: list[Judged]
    not_judged: dict[str, str]
    asking: Asking
    meta: dict[str, Any]

    @property
    def unanswered(self) -> int:
        """Questions without a reply, which another try may give."""
        return len(self.asking.trouble.unanswered)


def choose(names: str, changes: Sequence[str] = ()) -> list[Chosen]:
    """Benchmarks by the name of a suite or their own, with the split and the settings that are in force."""
    listed = [name.strip() for name in names.split(",") if name.strip()]
    found: dict[str, Chosen] = {}
    for name in listed:
        wanted, _, split = name.partition(":")
        known = list(BENCHMARKS) if wanted == "all" else members(wanted) if wanted in SUITES else (wanted,)
        for one in known:
            benchmark = BENCHMARKS.get(one)
            if split and split not in benchmark.splits:
                raise ConfigError(f"{one} has no split {split!r}", fix=f"known: {', '.join(benchmark.splits)}")
            chosen = cast(Split, split or benchmark.split)
            if one in found and found[one][1] != chosen:
                raise ConfigError(
                    f"{one} is named with two splits", fix="judge them one after the other, each with its --out"
                )
            found[one] = (benchmark, chosen, benchmark.settings)
    if not found:
        raise ConfigError("no benchmark is named", fix=f"name {', '.join(SUITES)}, all, or {', '.join(BENCHMARKS)}")
    return _changed(found, changes)


def _changed(found: Mapping[str, Chosen], changes: Sequence[str]) -> list[Chosen]:
    changed = dict(found)
    for change in changes:
        key, equals, _ = change.partition("=")
        name, dot, _ = key.partition(".")
        if not equals or (dot and name not in found):
            raise ConfigError(
                f"--set {change!r} changes nothing here", fix=f"write NAME.key=value, NAME of {', '.join(found)}"
            )
        for one in [name] if dot else list(found):
            benchmark, split, settings = changed[one]
            changed[one] = (benchmark, split, override(settings, [change.removeprefix(f"{name}.")]))
    return list(changed.values())


def run_suite(setup: SuiteSetup, choice: ModelChoice | None = None, model: SuiteModel | None = None) -> Outcome:
    """Judge a model (by ``choice``, or one that is there already) and write everything into ``setup.out``.

    A benchmark whose data are not there is left out, and said; RunError where that is all of them.
    """
    if setup.profile not in get_args(Profile):
        raise ConfigError(f"profile {setup.profile!r} is unknown", fix=f"known: {', '.join(get_args(Profile))}")
    require_writable(setup.out)
    chosen = choose(setup.names, setup.changes)
    judge_ = None if setup.judge is None else judge_of(setup.judge, cache=setup.out / JUDGE)
    if judge_ is not None:
        chosen = [
            (one.judged_by(judge_) if one.needs_judge or setup.judge != SCENES else one, split, settings)
            for one, split, settings in chosen
        ]
    loaded, not_judged = _load(setup, chosen)
    if model is None:
        model = find_model(choice or ModelChoice(), [settings for _, _, settings in chosen])
    jobs = jobs_of(loaded, setup.shuffled if model.looks else 0)
    said = _unknown_replies(model, jobs, loaded, setup.limit)
    settings = {
        "model": model.about,
        "judged_on": ", ".join(one.benchmark.name for one in loaded),
        "benchmarks": {one.benchmark.name: asdict(one.settings) | {"split": one.split} for one in loaded},
        "limit": setup.limit,
        "shuffled": setup.shuffled,
        "questions": questions_mark(jobs),
    }
    hold_to_settings(setup.out, settings, resume=setup.resume)
    with Journal(setup.out) as journal, RunLog(setup.out / "log.jsonl") as log:
        asking = ask_all(jobs, model, journal, log)
        judged = [judge(one, jobs, journal.answers, asking.trouble, setup.profile) for one in loaded]
    for one in judged:
        one.notes += said.get(one.benchmark.name, [])
    meta = {**settings, "model": model.name, "profile": setup.profile, "about": model.about}
    if judge_ is not None:
        meta["judge"] = judge_.identity
    write_outputs(setup.out, judged, meta, not_judged)
    write_page(setup.out / "report.html", judged, meta, not_judged, setup.cases)
    return Outcome(judged=judged, not_judged=not_judged, asking=asking, meta=meta)


def _load(setup: SuiteSetup, chosen: Sequence[Chosen]) -> tuple[list[Loaded], dict[str, str]]:
    loaded: list[Loaded] = []
    faults: dict[str, str] = {}
    last: OpenMolmoError | None = None
    for benchmark, split, settings in chosen:
        try:
            one = load_questions(benchmark, setup.places, split=split, settings=settings, limit=setup.limit)
            if not one.items:
                raise DataError(f"no row can be used; the first fault: {(one.faults or ['there is none'])[0]}")
            _try_score(one, setup.profile)
        except OpenMolmoError as error:
            copy = f"--data FOLDER, a copy in FOLDER/{benchmark.source}"  # sets speak of their own option
            error.fix = None if error.fix is None else error.fix.replace("path=FOLDER", copy)
            faults[benchmark.name], last = str(error).replace("\n  -> ", "; "), error
            if len(chosen) > 1:
                say(f"{benchmark.name} is not judged: {faults[benchmark.name]}")
            continue
        loaded.append(one)
    if not loaded:
        assert last is not None
        if len(chosen) == 1:
            raise last
        raise RunError(
            f"none of the {len(chosen)} benchmarks can be judged; the last: {last.args[0]}",
            fix="give the folder with a copy of each set: --data FOLDER",
        )
    return loaded, faults


def _try_score(loaded: Loaded, profile: Profile) -> None:
    """Score one reference: a package that the metric lacks is to be known before anything is asked."""
    known = next((item.question for item in loaded.items if not item.hidden), None)
    if known is not None:
        loaded.benchmark.score(known, known.reply, profile)


def _unknown_replies(
    model: SuiteModel, jobs: Sequence[Job], loaded: Sequence[Loaded], limit: int | None
) -> dict[str, list[str]]:
    """Notes about replies to questions that are not asked. DataError where none of the replies is to one that is."""
    if not isinstance(model, RepliesModel):
        return {}
    asked = {job.id for job in jobs}
    if asked.isdisjoint(model.replies):
        names = ", ".join(one.benchmark.name for one in loaded)
        raise DataError(
            f"none of the {len(model.replies)} replies is to a question of {names}",
            file=str(model.path),
            fix=f"ids are such as {min(asked)}: benchmark and id",
        )
    unknown = {} if limit is not None else model.unknown(asked, {one.benchmark.name for one in loaded})
    return {
        name: [f"left out: {counted(count, 'answer')} to questions that the benchmark does not have"]
        for name, count in unknown.items()
    }
