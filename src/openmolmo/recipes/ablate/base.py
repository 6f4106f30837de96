"""What an ablation is: data only. The harness beside it trains, judges and compares.

    TABLE_2D = Ablation(
        name="2d",
        table="Table 2d",
        title="Crops and their overlap",
        question="Do crops help, and does their overlap?",
        world=SMALL_THINGS,
        base={"answer.crop.max_crops": 4},
        arms=(
            Arm(name="overlap", overrides={"answer.crop.mode": "overlap"}),
            Arm(name="single crop", overrides={"answer.crop.mode": "single"}),
        ),
        contrasts=(Contrast(arm="overlap", against="single crop", expected="better"),),
        metric="captions.f1",
        paper=(PaperRow(arm="overlap", metric="avg11", value=76.9), ...),
    )

A new ablation is one such value and one registration in ``ABLATIONS`` (an entry point of the group
``openmolmo.ablations``). Keys that name no setting are found when it is resolved, before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError
from openmolmo.core.registry import Registry

__all__ = [
    "ABLATIONS",
    "ANSWER",
    "CAPTION",
    "CHOOSE",
    "SEE",
    "Ablation",
    "Arm",
    "Contrast",
    "Drawn",
    "Judging",
    "PaperRow",
    "Stage",
    "World",
]

Expected = Literal["better", "worse", "none"]


@dataclass(frozen=True, kw_only=True)
class Drawn(Config):
    """One set of drawn pictures: ``train`` to learn from and ``test`` held out, ``size`` pixels each.

    ``stages`` learn from it (none named: all that read examples), by ``rate`` beside other sets, and from annotations
    of ``kinds`` alone where some are named, of ``max_annotations`` at most. With ``train=0`` nothing is learnt from it,
    and a stage that has no other set is left out.
    """

    generator: str
    size: int
    train: int
    test: int = 0
    kinds: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    rate: float = 1.0
    max_annotations: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.train < 0 or self.test < 0:
            raise ConfigError(f"train={self.train} and test={self.test} must not be negative")


@dataclass(frozen=True, kw_only=True)
class World(Config):
    """Where an effect can show: sets of drawn pictures by name, and the tasks by which a model is judged on them."""

    name: str
    about: str
    drawn: Mapping[str, Drawn]
    tasks: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.tasks or not any(one.test for one in self.drawn.values()):
            raise ConfigError(f"the world {self.name!r} has no task, or no held-out picture to judge on")


@dataclass(frozen=True, kw_only=True)
class Judging(Config):
    """How a trained model is judged: ``questions`` a task at most, the same for every arm and seed.

    ``max_crops`` and ``length_hint`` replace those of training and of the question, ``crop_policy`` and ``keep_crops``
    how crops are chosen, and how many. ``shuffled`` asks everything a
    second time with other pictures, as a control.
    """

    questions: int = 400
    max_crops: int | None = None
    length_hint: int | None = None
    crop_policy: str | None = None
    keep_crops: int | None = None
    max_new_tokens: int = 96
    batch_size: int = 32
    shuffled: bool = False


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training: a registered recipe (or ``file.py:function``), started from the stage before.

    With ``per_seed=False`` it is trained by the first seed alone, and every seed goes on from that. With ``new_llm``
    only the encoder and the connector come from the stage before; the language model is that of this stage's own
    ``model``, from random weights.
    """

    name: str
    recipe: str
    per_seed: bool = True
    new_llm: bool = False


SEE = Stage(name="see", recipe="micro_see")
"""Encoder and connector learn from labelled crops."""

CHOOSE = Stage(name="choose", recipe="micro_crop_policy")
"""A crop policy is taught for the model of the stage before, which stays as it is."""

CAPTION = Stage(name="caption", recipe="micro_sft")
"""The whole model learns, from those sets that name this stage."""

ANSWER = Stage(name="answer", recipe="micro_sft")
"""The whole model learns to answer."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way of doing it.

    ``overrides``: ``STAGE.dotted.key`` of a stage's training settings, or ``*.dotted.key`` of every stage that has it.
    ``data``: dotted keys of the world (``drawn.scenes.train``); an arm that learns from other data must say so here.
    ``request``: keys of :class:`Judging`. Values are those of the settings themselves (tuples, numbers, texts).
    """

    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Arm ``arm`` is ``expected`` to be better or worse than arm ``against``, or no different."""

    arm: str
    against: str
    expected: Expected = "better"


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """A number of the paper (arXiv 2409.17146), beside our ``arm`` where it has one. ``setting``: the paper's words."""

    setting: str
    metric: str
    value: float
    arm: str = ""


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """A question, the arms that answer it, and the contrasts that decide; the first one stops the runs early.

    ``base`` holds overrides shared by all arms, ``request`` settings of judging shared by all. ``metric`` is
    ``TASK.METRIC``. A contrast expected to be ``none`` is shown when the interval lies within ``margin`` of zero.
    ``cannot``: why it cannot be shown at this scale; then there are no arms to run, or they are run for the record.
    With ``every_run`` the arms are points of a curve: there may be no contrast, and nothing is decided early.
    """

    name: str
    table: str
    title: str
    question: str
    world: World
    metric: str
    arms: tuple[Arm, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    base: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    stages: tuple[Stage, ...] = (SEE, ANSWER)
    seeds: int = 3
    margin: float = 0.03
    paper: tuple[PaperRow, ...] = ()
    cannot: str = ""
    note: str = ""
    every_run: bool = False

    def __post_init__(self) -> None:
        _unique([arm.name for arm in self.arms], f"ablation {self.name}: two arms are called")
        _unique([stage.name for stage in self.stages], f"ablation {self.name}: two stages are called")
        known = {arm.name for arm in self.arms}
        named = [name for one in self.contrasts for name in (one.arm, one.against)]
        named += [row.arm for row in self.paper if row.arm]
        if unknown := sorted({*named} - known):
            raise ConfigError(
                f"ablation {self.name} names the arm {unknown[0]!r}, and has {', '.join(sorted(known)) or 'none'}"
            )
        if same := next((one for one in self.contrasts if one.arm == one.against), None):
            raise ConfigError(f"ablation {self.name}: the arm {same.arm!r} is put beside itself")
        if self.arms and not self.contrasts and not self.every_run:
            raise ConfigError(f"ablation {self.name} has arms and no contrast", fix="say which arm is put beside which")
        task, dot, _ = self.metric.partition(".")
        if not dot or task not in self.world.tasks:
            raise ConfigError(
                f"ablation {self.name}: the metric {self.metric!r} is not TASK.METRIC of a task of the world "
                f"{self.world.name!r} ({', '.join(self.world.tasks)})"
            )
        if not self.arms and not self.cannot:
            raise ConfigError(f"ablation {self.name} has no arms, and does not say why (cannot)")
        if self.seeds < 2:
            raise ConfigError(f"ablation {self.name}: seeds={self.seeds}; one seed has no interval, two are the least")

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def stage(self, name: str) -> Stage:
        """The stage of that name."""
        return next(stage for stage in self.stages if stage.name == name)


ABLATIONS: Registry[Ablation] = Registry("ablation")
"""Ablations by name; entry points of the group ``openmolmo.ablations``."""


def _unique(names: list[str], said: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{said} {twice[0]!r}", fix="rename one of them")
