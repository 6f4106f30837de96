"""A run with a time of its own: as many steps as fit, whatever the machine does."""

from __future__ import annotations

import pytest

from openmolmo.training import pacing
from openmolmo.training.pacing import Pacing


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("slower", [1.0, 2.0, 5.0])
def test_a_machine_that_slows_down_in_the_middle_still_ends_in_time(monkeypatch, slower: float) -> None:
    clock = Clock()
    monkeypatch.setattr(pacing, "time", clock)
    plan, step, steps, told = Pacing(100.0, 250), 0, 250, []
    while step < steps:
        clock.now += 0.5 if step < 90 else 0.5 * slower
        step += 1
        steps = plan.steps(step)
        told.append(steps)
    assert 94 <= clock.now <= 100
    assert step == told[-1] <= 250
    assert max(abs(a - b) for a, b in zip(told[-12:], told[-11:], strict=False)) <= 2  # the last rates fall smoothly


def test_a_fast_machine_takes_all_steps_and_no_more(monkeypatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pacing, "time", clock)
    plan = Pacing(100.0, 40)
    for step in range(1, 41):
        clock.now += 0.01
        assert plan.steps(step) == 40
