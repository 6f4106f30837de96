"""Pages by their forms: settings of a project, one's own account, links, and work that is taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import toy_mode
from app_room import Room, make_room

from openmolmo.core.errors import ConfigError
from openmolmo.engine.studio.app.certificates import own_certificate
from openmolmo.engine.studio.app.pace import Pace
from openmolmo.engine.studio.app.pages.option_fields import fields_of, read_fields
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.tables import Event, Project, Task


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    made = make_room(tmp_path, monkeypatch)
    yield made
    made.database.close()


def test_options_of_a_mode_are_set_on_its_page(room: Room) -> None:
    admin = room.person("Root", "admin")
    page = admin.get("/project").text
    assert "People for each task" in page
    fields = {"annotations": "3", "lease_seconds": "60.5", "gold_share": "0.25", "needs_review": "on"}
    assert admin.form("/project/toy", **fields).status_code == 200
    with room.database.read() as rows:
        settings = rows.get_one(Project, 1).settings["toy"]
        changed = rows.query(Event).filter_by(kind="project.options").one()
        assert {(task.need, task.slots) for task in rows.query(Task)} == {(3, 3)}, (
            "tasks that are there need more people"
        )
    assert settings == {"annotations": 3, "lease_seconds": 60.5, "gold_share": 0.25, "needs_review": True}
    assert changed.after == settings
    assert changed.before is not None
    assert changed.before["annotations"] == 2
    for wrong in ({"annotations": "many"}, {"annotations": "-1"}, {"gold_share": "2"}, {"lease_seconds": "nan"}):
        refused = admin.form("/project/toy", **{**fields, **wrong})
        assert refused.status_code == 400, wrong
        assert next(iter(wrong)) in refused.text
    with room.database.read() as rows:
        assert rows.get_one(Project, 1).settings["toy"] == settings, "a refused form changes nothing"
    assert admin.form("/project/nowhere", **fields).status_code == 404


def test_fields_of_every_kind() -> None:
    options = {"words": ["a", "b"], "name": "x", "on": True, "many": 3, "share": 0.5, "deep": {"left": "alone"}}
    assert [field.kind for field in fields_of(options)] == ["lines", "text", "yes_no", "whole", "number"]
    given = {"words": " one \n\ntwo", "name": " y ", "many": "4", "share": "1"}
    read = read_fields(options, given)
    assert read == {"words": ["one", "two"], "name": "y", "on": False, "many": 4, "share": 1.0}
    with pytest.raises(ConfigError, match=r"many='4\.5' is no whole number"):
        read_fields(options, {**given, "many": "4.5"})


def test_work_is_handed_in_and_taken_back(room: Room) -> None:
    ada = room.person("Ada")
    task = ada.take()
    assert ada.call(f"/api/leases/{task['lease']}/submit", {"payload": {"count": 1}, "worked_ms": 5}).status_code == 200
    assert "Handed in" in ada.get("/mine").text
    back = ada.form("/mine/1/undo")
    assert back.url.path == "/work/toy"
    again = ada.take()
    assert again["lease"] == task["lease"]
    assert again["draft"] == {"count": 1}
    root = room.person("Root", "admin")
    ada.call(f"/api/leases/{task['lease']}/submit", {"payload": {"count": 2}})
    assert root.call("/api/reviews/1", {"verdict": "sent_back", "comment": " "}).status_code == 422
    assert root.call("/api/reviews/1", {"verdict": "accepted"}).json() == {"next": "/review"}
    assert ada.form("/mine/1/undo").status_code == 400, "what was judged stays"
    root.take()
    root_task = root.take()
    root.call(f"/api/leases/{root_task['lease']}/submit", {"payload": {"count": 9}})
    assert root.call("/api/reviews/2", {"verdict": "accepted"}).status_code == 200, "nobody else could review it"
    room.person("Rita", "reviewer")
    assert root.call("/api/reviews/2", {"verdict": "accepted"}).status_code == 403, "now somebody else can"
    home = ada.get("/").text
    assert "Count what you see." in home
    assert "<h2>Count</h2>" in home
    assert "<h2>Check counts" not in home, "a mode without a task is not offered"
    assert root.get("/statistics?wage=30").status_code == 200


def test_language_and_links(room: Room) -> None:
    ada, root = room.person("Ada"), room.person("Root", "admin")
    assert "Meine Arbeit" in ada.form("/account/language", locale="de").text
    assert ada.form("/account/language", locale="xx").status_code == 400
    german = room.browser().get("/sign-in", headers={"Accept-Language": "de-CH,de;q=0.9"})
    assert '<html lang="de">' in german.text
    page = root.form("/people/invite", role="annotator", uses="2").text
    token = re.search(r'value="http://localhost:8000/join/([\w-]+)"', page)
    assert token is not None
    assert token[1] not in root.get("/people").text, "a link is shown once"
    assert root.form("/people/invite", role="king").status_code == 400
    assert root.form("/people/invite", uses="501").status_code == 422
    assert room.browser().enter(token[1], "Bob").status_code == 200
    root.form("/people/links/3/withdraw")
    assert room.browser().enter(token[1], "Cid").status_code == 410
    assert (
        "browsers do not let anybody use the microphone" in room.browser("http://192.168.1.5").get("/not-secure").text
    )


def test_pace_is_each_ones_own() -> None:
    time = [0.0]
    pace = Pace(clock=lambda: time[0])
    assert [pace.wait("x", "ann", per_minute=2) for _ in range(3)] == [0.0, 0.0, 30.0]
    assert pace.wait("x", "bob", per_minute=2) == 0.0
    time[0] = 30.0
    assert pace.wait("x", "ann", per_minute=2) == 0.0
    assert pace.wait("x", "ann", per_minute=2) == 30.0


def test_a_certificate_lasts_and_is_made_anew_for_new_names(tmp_path: Path) -> None:
    first = own_certificate(tmp_path, ("192.168.1.5",))
    assert own_certificate(tmp_path, ("192.168.1.5", "")).fingerprint == first.fingerprint
    assert first.key.stat().st_mode & 0o077 == 0
    other = own_certificate(tmp_path, ("studio.local",))
    assert other.fingerprint != first.fingerprint
    other.certificate.write_text("damaged")
    assert own_certificate(tmp_path, ()).fingerprint != other.fingerprint


def test_links_lead_to_where_others_find_the_studio(tmp_path: Path) -> None:
    everywhere = StudioSettings(directory=tmp_path, host="0.0.0.0", port=80)
    assert "0.0.0.0" not in everywhere.address
    assert StudioSettings(directory=tmp_path, host="::1", tls="self-signed").address == "https://[::1]:8000"
    assert everywhere.replace(public_url="https://studio.example.org/").address == "https://studio.example.org"


def test_the_task_in_hand_is_still_to_do(room: Room) -> None:
    ann = room.person("Ann")
    ann.take()
    assert "Done 0, to do 4" in ann.get(f"/work/{toy_mode.NAME}").text
