"""Configuration: typed overrides, strict reading, errors that name the key."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.core.config import Config, from_dict, override, to_dict
from openmolmo.core.errors import ConfigError


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Optimizer(Config):
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.95)
    warmup: int | None = None


@dataclass(frozen=True, kw_only=True)
class Run(Config):
    steps: int = 10
    name: str = "run"
    fast: bool = False
    mode: Literal["a", "b"] = "a"
    colour: Colour = Colour.RED
    out: Path = Path("out")
    layers: tuple[int, ...] = (1, 2)
    optimizer: Optimizer = Optimizer()
    groups: tuple[Optimizer, ...] = (Optimizer(), Optimizer())
    rates: dict[str, float] = field(default_factory=lambda: {"x": 1.0})

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ConfigError(f"steps is {self.steps}, must not be negative")


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("steps=300", "steps", 300),
        ("steps=3e2", "steps", 300),
        ("name=300", "name", "300"),
        ("name=a=b", "name", "a=b"),
        ("name=true", "name", "true"),
        ("fast=true", "fast", True),
        ("fast=False", "fast", False),
        ("mode=b", "mode", "b"),
        ("colour=blue", "colour", Colour.BLUE),
        ("layers=3, 4", "layers", (3, 4)),
        ("out=/tmp/x", "out", Path("/tmp/x")),
        ("layers=[3,4,5]", "layers", (3, 4, 5)),
        ("layers=[]", "layers", ()),
        ("optimizer.lr=1e-4", "optimizer", Optimizer(lr=1e-4)),
        ("optimizer.lr=1", "optimizer", Optimizer(lr=1.0)),
        ("optimizer.lr=.5", "optimizer", Optimizer(lr=0.5)),
        ("optimizer.warmup=5", "optimizer", Optimizer(warmup=5)),
        ("optimizer.warmup=none", "optimizer", Optimizer()),
        ('optimizer={"lr": 2}', "optimizer", Optimizer(lr=2.0)),
        ("groups.1.lr=2", "groups", (Optimizer(), Optimizer(lr=2.0))),
        ("rates.x=0.5", "rates", {"x": 0.5}),
    ],
)
def test_override_sets_typed_values(assignment: str, key: str, value: Any) -> None:
    before = Run()
    changed = override(before, [assignment])
    assert getattr(changed, key) == value
    assert type(getattr(changed, key)) is type(value)
    assert before == Run()


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("steps", "not of the form key=value"),
        ("stesp=3", "did you mean steps"),
        ("optimizer.lrr=3", r"optimizer\.lrr.*\n.*lr"),
        ("steps=3.5", "steps=3.5 is float, must be int"),
        ("steps=true", "steps=True is bool, must be int"),
        ("steps=none", "steps=None"),
        ("steps=many", "steps='many'"),
        ("fast=1", "fast=1 is int, must be bool"),
        ("mode=c", "not one of a, b"),
        ("colour=green", "colour='green'"),
        ("layers=3", "layers=3 is int"),
        ('layers=[1,"x"]', r"layers\[1\]='x'"),
        ("optimizer.betas=[1]", "has 1 items, must have 2"),
        ("steps.more=1", "no field 'more'"),
        ("groups.7.lr=1", "not an index of 2 items"),
        ("rates.y=1", "'rates.y'"),
        ("steps=-1", "must not be negative"),
    ],
)
def test_wrong_overrides_name_the_key_and_the_value(assignment: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        override(Run(), [assignment])


def test_later_overrides_win_and_earlier_ones_stay() -> None:
    changed = override(Run(), ["steps=1", "optimizer.lr=2", "steps=3", "optimizer.warmup=4"])
    assert (changed.steps, changed.optimizer) == (3, Optimizer(lr=2.0, warmup=4))


@given(
    st.builds(
        Run,
        steps=st.integers(0, 10**9),
        name=st.text(),
        fast=st.booleans(),
        mode=st.sampled_from(["a", "b"]),
        colour=st.sampled_from(Colour),
        layers=st.lists(st.integers()).map(tuple),
        optimizer=st.builds(Optimizer, lr=st.floats(allow_nan=False), warmup=st.none() | st.integers()),
        rates=st.dictionaries(st.text(), st.floats(allow_nan=False)),
    )
)
def test_plain_values_and_back(config: Run) -> None:
    assert from_dict(Run, to_dict(config)) == config


def test_reading_is_strict() -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.learning"):
        from_dict(Run, {"optimizer": {"learning": 1}})
    with pytest.raises(ConfigError, match="steps='3'"):
        from_dict(Run, {"steps": "3"})


def test_a_missing_key_is_named() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Needy(Config):
        steps: int

    with pytest.raises(ConfigError, match="steps"):
        from_dict(Needy, {})
