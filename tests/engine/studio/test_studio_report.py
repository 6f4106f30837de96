"""Agreement, gold tasks, time, throughput and cost, in the terminal, as JSON and as a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import toy_mode
from click.testing import CliRunner
from sqlalchemy import select

from openmolmo.cli import cli
from openmolmo.engine.studio import work
from openmolmo.engine.studio.queue import add_task, skip, take
from openmolmo.engine.studio.report import make_report
from openmolmo.engine.studio.store.database import Database, upgrade
from openmolmo.engine.studio.store.tables import Job, Person, Project

MODE = toy_mode.NAME
DAY = 86400.0


def two_days(database: Database) -> None:
    """Ann and Bob do both tasks, Cid skips one; they agree on the first only; Bob is wrong on the gold task."""
    with database.begin() as session:
        project, (ann, bob, cid), tasks = toy_mode.fill(session, tasks=2, options={"gold_share": 0.0, "annotations": 2})
        known = add_task(session, project_id=project, picture_id=1, mode=MODE, now=0.0, gold={"count": 5}, need=9)
        known.gold, known.need, gold = None, known.need, known.gold  # given out like the others, as by lot
        session.get_one(Person, ann).name = "Ann <b>"
        lease = take(session, cid, project, MODE, 0.0)
        assert lease is not None
        skip(session, lease.id, cid, "dark", 1.0)
        for person, counts in ((ann, (3, 4, 5)), (bob, (3, 5, 6))):
            for n, count in enumerate(counts):
                at = 60.0 + n * 2 * DAY if n < 2 else 2 * DAY + 200.0
                lease = take(session, person, project, MODE, at)
                assert lease is not None
                work.submit(session, lease.id, person, {"count": count}, 20_000 + 10_000 * n, at + 60.0)
        known.gold = gold
        assert tasks


def test_numbers(database: Database) -> None:
    two_days(database)
    with database.read() as session:
        (one,) = make_report(session, project="toys", wage=36.0).modes
    far = one.progress
    assert (far.tasks, far.complete, far.needed, far.finished, far.left) == (2, 2, 4, 4, 0)
    assert (far.states, far.outcomes) == ({"submitted": 4}, {"skipped": 1, "submitted": 4})
    assert (one.agreement.mean, one.agreement.pairs) == (0.5, 2)
    assert sorted(one.agreement.by_task.values()) == [(0.0, 1), (1.0, 1)]
    assert set(one.agreement.by_person.values()) == {(0.5, 2)}
    assert [(score.right, score.of, len(score.wrong)) for score in one.gold.values()] == [(1, 1, 0), (0, 1, 1)]
    assert one.pace.by_day == {"1970-01-01": (2, 20.0), "1970-01-02": (0, 0.0), "1970-01-03": (4, 35.0)}
    assert one.pace.median == 30.0
    assert one.cost is not None
    assert one.cost.so_far == pytest.approx(180 / 3600 * 36)
    assert [(n.finished, n.skipped) for n in one.people.values()] == [(3, 0), (3, 0), (0, 1)]


def test_the_command(tmp_path: Path) -> None:
    toy_mode.register()
    studio = tmp_path / "studio"
    studio.mkdir()
    database = upgrade(f"sqlite:///{studio / 'studio.sqlite'}")
    call = ["studio", "report", "--dir", str(studio)]
    assert "There is no task yet." in CliRunner().invoke(cli, call).output
    two_days(database)
    page = tmp_path / "report.html"
    said = CliRunner().invoke(cli, [*call, "--wage", "18", "--out", str(page)])
    assert said.exit_code == 0, said.output
    for words in ("toys: toy", "0.500 over 2 pairs", "cost so far, EUR", "0.90 (0.150 each)", "1 of 1"):
        assert words in said.output, words
    html = page.read_text()
    assert "Ann &lt;b&gt;" in html
    assert html.count("<svg") == 3
    assert "Ann <b>" not in html
    evil = "<script>alert(1)</script>"
    with database.begin() as session:
        session.scalars(select(Project)).one().name = evil
        session.scalars(select(Person).order_by(Person.id)).all()[1].name = f"</text>{evil}"
        session.add(Job(kind=evil[:30], key="1", payload={}, state="waiting", due_at=0.0, created_at=0.0))
    marked = CliRunner().invoke(cli, [*call, "--wage", "18", "--currency", evil, "--out", str(page)])
    assert marked.exit_code == 0, marked.output
    html = page.read_text()
    assert html.count("&lt;script&gt;alert(1)") >= 5
    assert "<script" not in html, "what people write is no part of the page, in tables and drawings either"
    with database.begin() as session:
        session.scalars(select(Project)).one().name = "toys"
    told = json.loads(CliRunner().invoke(cli, [*call, "--json"]).stdout)
    assert told["modes"][0]["agreement"]["pairs"] == 2
    wrong = CliRunner().invoke(cli, [*call, "--project", "none"])
    assert "there is no project 'none'" in str(wrong.exception)
    missing = CliRunner().invoke(cli, ["studio", "report", "--dir", str(tmp_path / "none")])
    assert "there is no studio in" in str(missing.exception)
