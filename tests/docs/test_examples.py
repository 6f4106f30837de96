"""The data set that comes with the project is one that its own commands take."""

from __future__ import annotations

from pathlib import Path

from openmolmo.recipes.finetune import finetune_lora
from openmolmo.records import JsonlDataset
from openmolmo.records.audit import audit_dataset
from openmolmo.records.check import check_dataset

MY_POINTS = Path(__file__).parents[2] / "examples/my_points"


def test_the_example_of_own_points_is_checked_audited_and_can_be_trained_on() -> None:
    report = check_dataset(MY_POINTS)
    assert (report.ok, report.notes) == (True, []), report.faults
    assert audit_dataset(MY_POINTS).ok
    assert {one.split for one in JsonlDataset(MY_POINTS)} == {"train", "validation"}
    (group,) = finetune_lora(data=str(MY_POINTS)).mixture.groups
    assert [source.options["path"] for source in group.sources] == [str(MY_POINTS)]
