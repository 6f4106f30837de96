"""A person's data go at their request; what others made, and that there was somebody, stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_room import make_room
from sqlalchemy import inspect, select, text

from openmolmo.engine.studio.access import may_hear, write_down
from openmolmo.engine.studio.store.tables import (
    Annotation,
    Chunk,
    Event,
    Job,
    Lease,
    Person,
    Recording,
    Review,
    Task,
    Transcript,
    Turn,
)

SECRET = "Adas-secret"


def test_all_of_one_person_goes_and_nothing_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_room(tmp_path, monkeypatch)
    ada, bob, root = room.person("Ada Adasdottir"), room.person("Bob"), room.person("Root", "admin")
    ada.form("/account/password", password="correct horse battery")
    for browser in (ada, bob):
        task = browser.take()
        draft = {"payload": {"count": 7, "note": f"{SECRET}-{browser is ada}"}, "revision": 0}
        assert browser.call(f"/api/leases/{task['lease']}/draft", draft).status_code == 200
        assert browser.call(f"/api/leases/{task['lease']}/submit", {"payload": {"count": 7}}).status_code == 200
    going = ada.take()
    ada.call(f"/api/leases/{going['lease']}/draft", {"payload": {"note": SECRET}, "revision": 0})
    speak(room, ada_lease=going["lease"])

    with room.database.begin() as rows:
        recording = rows.get_one(Recording, 1)
        hears = [may_hear(1, False, recording), may_hear(2, False, recording), may_hear(3, True, recording)]
        assert hears == [True, False, True], "speakers hear themselves, reviewers everybody"
        write_down(rows, 1, 3, "listen", room.time)
    log = root.get("/people/access").text
    assert "heard" in log
    assert "Root" in log
    assert bob.get("/people/access").status_code == 403

    assert "not the person" in root.form("/people/1/erase", sure="Bob").text, "a slip deletes nobody"
    assert root.form("/people/1/erase", sure="ada adasdottir").status_code == 200
    assert ada.get("/").url.path == "/sign-in"

    with room.database.read() as rows:
        kept = "\n".join(
            str(rows.execute(text(f'select * from "{name}"')).all())
            for name in inspect(rows.connection()).get_table_names()
        )
        assert "Adasdottir" not in kept
        assert f"{SECRET}-True" not in kept
        assert "said by Ada" not in kept
        assert f"{SECRET}-False" in kept, "Bob's own stays"
        person = rows.get_one(Person, 1)
        assert person.erased_at is not None
        assert person.name == ""
        assert person.password is None
        theirs = rows.scalars(select(Annotation).where(Annotation.person_id == 1)).all()
        assert {(one.state, str(one.payload)) for one in theirs} == {("withdrawn", "{}")}
        recording = rows.scalars(select(Recording)).one()
        assert (recording.state, recording.path, recording.sha256) == ("erased", None, None)
        assert not rows.scalars(select(Chunk)).all()
        assert not may_hear(3, True, recording), "what is erased, nobody hears"
        assert {lease.outcome for lease in rows.scalars(select(Lease).where(Lease.person_id == 1))} == {"erased"}
        assert [task.slots for task in rows.scalars(select(Task).order_by(Task.id))] == [1, 2, 2, 2]
        assert rows.scalars(select(Event.kind).where(Event.subject_id == 1)).all().count("person.erased") == 1
        job = rows.scalars(select(Job).where(Job.key == "transcribe-1")).one()
        assert (job.state, job.payload, job.result) == ("failed", {}, None)
    sounds = [path for path in (room.directory / "recordings").rglob("*") if path.is_file()]
    assert sounds == [], "no byte of sound is left"
    assert "Deleted person 1" in root.get("/people").text
    assert root.form("/people/1/role", role="admin").status_code == 404, "a tombstone is no account"
    assert room.person("Ada Adasdottir").get("/").status_code == 200, "the name is free again"

    assert bob.form("/account/erase", sure="Bob").url.path == "/sign-in", "people can do it themselves"
    with room.database.read() as rows:
        assert f"{SECRET}-False" not in str(rows.execute(text("select * from event")).all())
        assert rows.get_one(Person, 2).erased_at is not None


def speak(room: object, ada_lease: int) -> None:
    """A recording with all that hangs on it."""
    folder = room.directory / "recordings/1"  # type: ignore[attr-defined]
    folder.mkdir(parents=True)
    for name in ("00000", "original.webm", "seekable.ogg"):
        (folder / name).write_bytes(b"sound")
    with room.database.begin() as rows:  # type: ignore[attr-defined]
        annotation = rows.scalars(select(Annotation).where(Annotation.lease_id == ada_lease)).one()
        rows.add(
            Recording(
                id=1,
                lease_id=ada_lease,
                person_id=1,
                picture_id=1,
                media_type="audio/webm",
                state="complete",
                path="recordings/1/original.webm",
                seekable_path="recordings/1/seekable.ogg",
                sha256="a" * 64,
                started_at=0.0,
            )
        )
        rows.flush()
        rows.add(Chunk(recording_id=1, number=0, size=5, sha256="a" * 64, received_at=0.0))
        rows.add(Transcript(recording_id=1, engine="person", text="said by Ada", words=[], created_at=0.0))
        rows.add(
            Turn(annotation_id=annotation.id, number=0, kind="question", text="said by Ada", made={}, created_at=0)
        )
        rows.add(Review(annotation_id=1, reviewer_id=3, verdict="accepted", comment="said by Ada", created_at=0.0))
        rows.add(
            Job(
                kind="transcribe",
                key="transcribe-1",
                payload={"recording": 1},
                state="waiting",
                due_at=0.0,
                result={"text": "said by Ada"},
                created_at=0.0,
            )
        )
