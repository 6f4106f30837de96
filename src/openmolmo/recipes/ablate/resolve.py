"""From an ablation to the exact settings of every stage of every arm, checked before anything runs.

What two runs do alike has the same key, and is done once: a key is a hash of the settings that change a result, of the
data, of the code, and of the key of the stage before. Paths in the settings are relative to the folder of all runs, so
that any machine may go on with what another began.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from openmolmo.core.config import override, to_dict
from openmolmo.core.errors import ConfigError, OpenMolmoError
from openmolmo.data.mixture import GroupConfig, MixtureConfig, SourceConfig
from openmolmo.engine.synth.base import GENERATORS
from openmolmo.evaluation.tasks import TASKS
from openmolmo.recipes.ablate.base import Ablation, Arm, Drawn, Judging, Stage, World
from openmolmo.recipes.ablate.version import code_version
from openmolmo.training.config import BaseRunConfig, CropPolicyRunConfig, PatchRunConfig, RunConfig
from openmolmo.training.recipe import load_recipe
from openmolmo.training.resume import FREE_SETTINGS

__all__ = ["Run", "TrainedStage", "data_key", "resolve", "resolve_run", "scaled"]

ROWS_PER_SHARD = 512
_LEAST_PICTURES, _LEAST_QUESTIONS = 8, 4
_NO_PART = frozenset({*FREE_SETTINGS, "name", "init_from", "watch"})
"""Settings that have no part in a key: they change nothing, or stand in it in another way."""


@dataclass(frozen=True, kw_only=True)
class TrainedStage:
    """A stage of one run: its settings, its key, and that of the stage it starts from.

    ``seen``: where only encoder and connector come from, for a stage with a new language model; its ``init_from`` is
    then made out of them.
    """

    name: str
    config: BaseRunConfig
    key: str
    before: str | None
    seen: str | None = None

    @property
    def folder(self) -> str:
        """Where it is trained, in the folder of all runs."""
        return f"stages/{self.name}-{self.key}"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One arm with one seed: what it learns from, its stages, how it is judged.

    ``recipe`` is a hash of all of it but the seed, ``shared`` of what all arms of the ablation have in common and of
    the code: only results that agree in the latter may stand beside each other.
    """

    ablation: str
    arm: str
    seed: int
    metric: str
    world: World
    stages: tuple[TrainedStage, ...]
    judging: Judging
    scale: float
    declared: Mapping[str, Any]
    shared: str
    recipe: str

    @property
    def code(self) -> str:
        """The version of the code that makes the result."""
        return code_version()

    @property
    def settings(self) -> str:
        """Hash of all that makes this run's result, the seed among it."""
        return _settings(self.stages, self.world, self.judging)

    @property
    def folder(self) -> str:
        """Where its result lies, in the folder of all runs."""
        return f"runs/{slug(self.ablation)}/{slug(self.arm)}-seed{self.seed}-{self.settings}"

    @property
    def title(self) -> str:
        """How it is told to people."""
        return f"{self.ablation}, {self.arm}, seed {self.seed}"


def slug(name: str) -> str:
    """A name as part of a path."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)


def resolve(ablation: Ablation, *, seeds: int | None = None, scale: float = 1.0) -> list[Run]:
    """Every run of an ablation, seed by seed over the arms of its contrasts, those of the first contrast first.

    ``scale`` is of steps, pictures and questions. Raises ConfigError where an arm names what does not exist, is the
    same as another, or learns from other data without saying so.
    """
    arms = _in_order(ablation)
    first = {arm.name: resolve_run(ablation, arm, 0, scale) for arm in arms}
    for one, other in combinations(arms, 2):
        _require_fair(ablation, first[one.name], first[other.name], one, other)
    count = ablation.seeds if seeds is None else seeds
    return [
        first[arm.name] if not seed else resolve_run(ablation, arm, seed, scale)
        for seed in range(count)
        for arm in arms
    ]


def resolve_run(ablation: Ablation, arm: Arm, seed: int, scale: float = 1.0) -> Run:
    """One arm with one seed. Raises ConfigError for a key that names no setting."""
    said = f"ablation {ablation.name}, arm {arm.name!r}"
    world = scaled(_changed(ablation.world, arm.data, said), scale)
    judging = _changed(_changed(Judging(), ablation.request, f"ablation {ablation.name}"), arm.request, said)
    judging = judging.replace(questions=max(_LEAST_QUESTIONS, round(judging.questions * scale)))
    for name in world.tasks:
        TASKS.get(name)
    stages = _stages(ablation, arm, seed, scale, world, said)
    if not stages:
        raise ConfigError(f"{said}: no stage has anything to learn from", fix="give the world pictures to train on")
    pictures = scaled(ablation.world, scale).drawn
    common = {"base": ablation.base, "request": ablation.request, "drawn": pictures, "tasks": ablation.world.tasks}
    told = [
        (stage.name, stage.recipe, stage.per_seed, *(("new llm",) if stage.new_llm else ()))
        for stage in ablation.stages
    ]
    alike = stages if not seed else _stages(ablation, arm, 0, scale, world, said)
    return Run(
        ablation=ablation.name,
        arm=arm.name,
        seed=seed,
        metric=ablation.metric,
        world=world,
        stages=stages,
        judging=judging,
        scale=scale,
        declared=dict(arm.data),
        shared=_hash([to_dict(common), told, scale, code_version()]),
        recipe=_settings(alike, world, judging),
    )


def _stages(ablation: Ablation, arm: Arm, seed: int, scale: float, world: World, said: str) -> tuple[TrainedStage, ...]:
    stages: list[TrainedStage] = []
    for stage in ablation.stages:
        recipe = load_recipe(stage.recipe)
        if isinstance(recipe, RunConfig | CropPolicyRunConfig):
            mixture = mixture_of(world, stage.name)
            if mixture is None:
                continue  # there is nothing that it could learn from
            recipe = recipe.replace(mixture=mixture)
        config = _overridden(recipe, stage, {**ablation.base}, f"ablation {ablation.name}", ablation)
        config = _overridden(config, stage, {**arm.overrides}, said, ablation)
        stages.append(_trained(config, stage, stages[-1] if stages else None, seed, scale))
    return tuple(stages)


def scaled(world: World, scale: float) -> World:
    """The world with so many times the pictures, though never fewer than a handful."""

    def of(count: int) -> int:
        return max(_LEAST_PICTURES, round(count * scale)) if count else 0

    drawn = {name: one.replace(train=of(one.train), test=of(one.test)) for name, one in world.drawn.items()}
    return world.replace(drawn=drawn) if scale != 1 else world


def data_key(drawn: Drawn, split: str) -> str:
    """Hash of all that the pictures of one split depend on."""
    generator = GENERATORS.get(drawn.generator)
    count = drawn.train if split == "train" else drawn.test
    return _hash([generator.name, generator.version, drawn.size, drawn.seed, split, count, ROWS_PER_SHARD])


def data_folder(drawn: Drawn, split: str) -> str:
    """Where the pictures of one split lie, in the folder of all runs."""
    return f"data/{drawn.generator}-{split}-{data_key(drawn, split)}"


def held_out_key(world: World) -> str:
    """Hash of all held-out pictures."""
    return _hash({name: data_key(one, "test") for name, one in world.drawn.items() if one.test})


def mixture_of(world: World, stage: str, *, live: bool = False) -> MixtureConfig | None:
    """What a stage learns from; None where there is nothing. ``live``: pictures drawn while training, for a trial."""
    groups = [
        GroupConfig(
            name=name,
            rate=one.rate,
            sources=(
                SourceConfig(
                    source="synth" if live else "parquet",
                    options={"generator": one.generator, "size": one.size, "seed": one.seed}
                    if live
                    else {"path": data_folder(one, "train")},
                    name=name,
                    kinds=one.kinds,
                    max_annotations=one.max_annotations,
                ),
            ),
        )
        for name, one in world.drawn.items()
        if one.train and (not one.stages or stage in one.stages)
    ]
    return MixtureConfig(groups=tuple(groups)) if groups else None


def _settings(stages: tuple[TrainedStage, ...], world: World, judging: Judging) -> str:
    return _hash([stages[-1].key, held_out_key(world), to_dict(judging), world.tasks])


def _trained(config: BaseRunConfig, stage: Stage, before: TrainedStage | None, seed: int, scale: float) -> TrainedStage:
    seed = seed if stage.per_seed else 0
    steps = max(2, round(config.steps * scale)) if scale != 1 else config.steps
    config = config.replace(name=stage.name, seed=seed, steps=steps, keep=1, init_from=None, threads=1)
    config = config.replace(checkpoint_every=max(1, min(config.checkpoint_every, -(-steps // 10))))
    if isinstance(config, PatchRunConfig):
        config = config.replace(workers=0)  # as many runs go on at once as there are cores
    elif isinstance(config, RunConfig):
        config = config.replace(loader=config.loader.replace(workers=0))
    told = {key: value for key, value in to_dict(config).items() if key not in _NO_PART}
    told.get("loader", {}).pop("workers", None)
    grafted = before is not None and stage.new_llm
    key = _hash([told, before.key if before else None, code_version(), *(["new llm"] if grafted else [])])
    seen = f"{before.folder}/final" if before is not None else None
    config = config.replace(init_from=f"starts/{stage.name}-{key}" if grafted else seen)
    return TrainedStage(
        name=stage.name,
        config=config,
        key=key,
        before=before.key if before else None,
        seen=seen if grafted else None,
    )


def _overridden(
    config: BaseRunConfig, stage: Stage, changes: Mapping[str, Any], said: str, ablation: Ablation
) -> BaseRunConfig:
    known = [one.name for one in ablation.stages]
    for key, value in changes.items():
        name, dot, setting = key.partition(".")
        if not dot or name not in ("*", *known):
            raise ConfigError(
                f"{said}: the key {key!r} names no stage; stages are {', '.join(known)}, and * is all of them",
                fix=f"write {known[-1]}.{key}" if name not in ("*", *known) else "write STAGE.SETTING",
            )
        if name == stage.name or (name == "*" and _has(config, setting)):
            config = _set(config, setting, value, f"{said}: {key}")
    return config


def _has(config: BaseRunConfig, setting: str) -> bool:
    return hasattr(config, setting.partition(".")[0])


def _changed(value: Any, changes: Mapping[str, Any], said: str) -> Any:
    for key, new in changes.items():
        value = _set(value, key, new, f"{said}: {key}")
    return value


def _set(config: Any, key: str, value: Any, said: str) -> Any:
    text = value if isinstance(value, str) else json.dumps(to_dict(value))
    try:
        return override(config, [f"{key}={text}"])
    except OpenMolmoError as error:
        raise ConfigError(f"{said} is refused: {error.message}", fix=error.fix) from error


def _in_order(ablation: Ablation) -> list[Arm]:
    """The arms of the first contrast first, so that it has an interval early."""
    named = [name for one in ablation.contrasts for name in (one.arm, one.against)]
    order = list(dict.fromkeys([*named, *(arm.name for arm in ablation.arms)]))
    return [ablation.arm(name) for name in order]


def _require_fair(ablation: Ablation, one: Run, other: Run, first: Arm, second: Arm) -> None:
    if one.settings == other.settings:
        raise ConfigError(
            f"ablation {ablation.name}: the arms {first.name!r} and {second.name!r} are the same run: what they "
            "override is as it was",
            fix="correct the overrides of one of them, or leave it out",
        )
    if held_out_key(one.world) != held_out_key(other.world) or one.world.tasks != other.world.tasks:
        raise ConfigError(
            f"ablation {ablation.name}: the arms {first.name!r} and {second.name!r} are judged on other pictures or by "
            "other tasks; their difference would mean nothing",
            fix="leave test, size and generator of the held-out sets as they are, and add a set for training alone",
        )
    if not (first.data or second.data) and _learnt(one) != _learnt(other):
        raise ConfigError(
            f"ablation {ablation.name}: the arms {first.name!r} and {second.name!r} learn from different data, "
            f"{_learnt(one)} and {_learnt(other)}, and neither says so",
            fix="change the data in Arm.data, not in Arm.overrides",
        )


def _learnt(run: Run) -> dict[str, Any]:
    return {stage.name: to_dict(stage.config.mixture) for stage in run.stages if hasattr(stage.config, "mixture")}


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]
