"""From nothing to data that train: init, work of a person, export, audit, and two steps of fine-tuning."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from openmolmo.cli import cli
from openmolmo.engine.studio import queue, work
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.engine.studio.store.tables import Person, Project
from openmolmo.records.example import Counting, Pointing, QuestionAnswer
from openmolmo.records.folder import open_dataset


def run(*words: str) -> str:
    result = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def answer(mode: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What somebody does: clicks two things, confirms a count, corrects an answer."""
    if mode == "point":
        found = [{"label": "Red  Key.", "points": [{"x": 10, "y": 20}, {"x": 60.25, "y": 30}]}]
        return {"groups": found, "absent": ["dog"]}
    if mode == "count_check":
        return {"points": payload["points"], "rejected": False, "reason": ""}
    return {"question": payload["question"], "answer": "seven", "rejected": False, "reason": ""}


def work_through(folder: Path) -> None:
    """One person does every task of the sample."""
    with closing(upgrade(f"sqlite:///{folder / 'studio.sqlite'}")) as database, database.begin() as session:
        project = session.scalars(select(Project)).one()
        person = Person(name="Ada", role="annotator", created_at=0.0)
        session.add(person)
        session.flush()
        now = 1.0
        for mode in ("point", "count_check", "qa_check"):
            while (lease := queue.take(session, person.id, project.id, mode, now)) is not None:
                view = work.task_view(session, lease.id)
                work.submit(session, lease.id, person.id, answer(mode, dict(view.payload)), 2000, now + 3)
                now += 5


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    run("studio", "init", "--sample")
    work_through(tmp_path / "studio")
    assert "9 examples" in run("studio", "export", "garden")
    return tmp_path / "garden"


def test_the_work_of_a_person_is_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = made(tmp_path, monkeypatch)
    assert json.loads(run("data", "check", str(out), "--json"))["ok"]
    assert json.loads(run("data", "audit", str(out), "--json"))["ok"]
    annotations = [item for one in open_dataset(out) for item in one.annotations]
    assert [item.label for item in annotations if isinstance(item, Pointing)] == ["red key"] * 3
    assert [item.count for item in annotations if isinstance(item, Counting)] == [8, 5, 5]
    assert [item.answers for item in annotations if isinstance(item, QuestionAnswer)] == [("seven",)] * 3
    kinds = {item["data set"] if "data set" in item else item["dataset"] for item in _rows(out)}
    assert kinds == {"sample"}
    # And back into a studio: what was counted is there to be checked by somebody else.
    run("studio", "init", "--dir", "second", "--project", "again")
    told = json.loads(run("studio", "import", "garden", "--dir", "second", "--modes", "count_check", "--json"))
    assert (told["kept"], told["tasks"]) == (3, {"count_check": 6})


def _rows(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(run("data", "audit", str(out), "--json"))["rows"]
    return rows


@pytest.mark.slow
def test_it_trains_an_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = made(tmp_path, monkeypatch)
    words = [
        "steps=2",
        "loader.rows=1",
        "loader.workers=0",
        "loader.streams=1",
        "threads=1",
        "precision=float32",
        "--out",
        "runs/garden",
    ]
    run("train", "finetune_lora", f"data={out.name}", *words)
    assert (tmp_path / "runs/garden/final/adapter").is_dir()
