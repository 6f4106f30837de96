"""Recordings over HTTP: pieces in any order, twice, damaged; gates; who may hear; and what becomes of the words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from app_room import Browser, Room
from speak_room import WEBM, begin, make_speaking, pieces, put, say, work_off
from sqlalchemy import select

from openmolmo.core.errors import DiskFullError
from openmolmo.core.files import sha256_bytes
from openmolmo.engine.speech import Audio
from openmolmo.engine.speech.audio import RATE, wav_bytes
from openmolmo.engine.studio.store.tables import Access, Annotation, Job, Recording, Transcript, Turn


def states(browser: Browser, lease: int) -> list[dict[str, object]]:
    return list(browser.get(f"/api/leases/{lease}/recordings").json()["recordings"])


def test_pieces_are_kept_whatever_the_way_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_speaking(tmp_path, monkeypatch)
    ada, bob = room.person("Ada"), room.person("Bob")
    lease = ada.take("speak")["lease"]
    assert begin(ada, lease, media_type="video/quicktime").status_code == 415
    assert begin(ada, lease, picture_id=99).json()["code"] == "other_picture"
    assert begin(bob, lease).status_code == 410, "somebody else's lease"
    assert begin(ada, ada.take()["lease"]).json()["code"] == "not_spoken", "a task of another mode"

    number = begin(ada, lease, picture_id=1).json()["id"]
    parts = pieces()
    refused = {
        "empty": put(ada, number, 0, b""),
        "not_sound": put(ada, number, 0, b"<html>not found</html>"),
        "damaged": put(ada, number, 1, parts[1], digest=sha256_bytes(b"other")),
        "unknown": put(bob, number, 0, parts[0]),
        "too_large": put(ada, number, 90_000, parts[1]),
    }
    for code, answer in refused.items():
        assert answer.json()["code"] == code
        assert answer.json()["error"].endswith("."), "a sentence"
    assert put(ada, number, 1, b"x" * 5_000_000).status_code == 413
    assert ada.client.put(f"/api/recordings/{number}/chunks/0", content=parts[0]).status_code == 403, "no secret"

    def no_room(path: Path) -> None:
        raise DiskFullError(f"no space left while writing {path}")

    with monkeypatch.context() as full:
        full.setattr("openmolmo.engine.studio.recording.chunks.atomic_file", no_room)
        answer = put(ada, number, 1, parts[1])
        assert answer.status_code == 507
        assert "disk is full" in answer.json()["error"]

    for place in reversed(range(1, len(parts))):
        assert put(ada, number, place, parts[place]).status_code == 200, "in any order"
    missing = ada.call(f"/api/recordings/{number}/finish", {"chunks": len(parts)})
    assert (missing.status_code, missing.json()["missing"]) == (409, [0])
    assert put(ada, number, 0, parts[0]).status_code == 200
    size = put(ada, number, 0, parts[0]).json()["size"]
    assert size == len(WEBM), "the same piece twice counts once"
    assert put(ada, number, 2, parts[3]).json()["code"] == "other_bytes"
    submit = f"/api/leases/{lease}/submit"
    assert "not finished" in ada.call(submit, {"payload": {}}).json()["error"]
    differs = ada.call(f"/api/recordings/{number}/finish", {"chunks": len(parts), "sha256": sha256_bytes(b"")})
    assert differs.json()["code"] == "differs"

    body = {"chunks": len(parts), "sha256": sha256_bytes(WEBM)}
    done = [ada.call(f"/api/recordings/{number}/finish", body).json() for _ in range(2)]
    assert done[0]["recordings"][0]["state"] == "complete"
    assert done[0]["recordings"][0]["gates"] == []
    assert done[1]["recordings"][0]["sha256"] == sha256_bytes(WEBM), "finished twice is finished once"
    assert put(ada, number, 0, parts[0]).status_code == 200, "a late repeat does no harm"
    assert put(ada, number, 99, parts[0]).json()["code"] == "closed"
    kept = sorted(path.name for path in (tmp_path / f"recordings/{number}").iterdir())
    assert kept == ["original.webm", "seekable.ogg"]
    assert (tmp_path / f"recordings/{number}/original.webm").read_bytes() == WEBM, "byte for byte"


def test_who_may_hear_and_that_it_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_speaking(tmp_path, monkeypatch)
    ada, bob, rev = room.person("Ada"), room.person("Bob"), room.person("Rev", "reviewer")
    number = say(ada, ada.take("speak")["lease"])
    url = f"/api/recordings/{number}/audio"
    whole = ada.get(url)
    assert (whole.status_code, whole.headers["content-type"], whole.content[:4]) == (200, "audio/ogg", b"OggS")
    part = rev.get(url, headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.content)) == (206, 100)
    rev.get(url, headers={"Range": "bytes=100-"})
    assert bob.get(url).status_code == 404, "as if it were not there"
    assert bob.get(f"/api/recordings/{number}/state").status_code == 404
    assert room.browser().get(url).status_code == 401
    room.time += 3600
    rev.get(url)
    with room.database.read() as rows:
        heard = [(one.person_id, one.how) for one in rows.scalars(select(Access).order_by(Access.id))]
    assert heard == [(1, "listen"), (3, "listen"), (3, "listen")], "pieces of one listening are one access"


def test_gates_keep_what_they_refuse_and_look_at_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_speaking(tmp_path, monkeypatch)
    with room.database.begin() as rows:
        from openmolmo.engine.studio.store.tables import Project

        rows.scalars(select(Project)).one().settings = {"speak": {"min_seconds": 9.0}}
    ada = room.person("Ada")
    lease = ada.take("speak")["lease"]
    submit = f"/api/leases/{lease}/submit"
    assert "no recording yet" in ada.call(submit, {"payload": {}}).json()["error"]
    first = say(ada, lease)
    (part,) = states(ada, lease)
    assert [gate["gate"] for gate in part["gates"]] == ["too_short"]
    assert ada.call(submit, {"payload": {}}).status_code == 422
    second = say(ada, lease)
    assert [one["gates"] for one in states(ada, lease)] == [[], []], "together they are long enough"
    ada.call(f"/api/recordings/{second}/discard")
    assert [one["id"] for one in states(ada, lease)] == [first]
    assert states(ada, lease)[0]["gates"] != []
    assert not (tmp_path / f"recordings/{second}").exists()
    assert ada.get(f"/api/recordings/{second}/audio").status_code == 404

    silent = wav_silence()
    number = begin(ada, lease).json()["id"]
    assert put(ada, number, 0, silent).json()["code"] == "not_sound", "no browser records wav"
    number = begin(ada, lease).json()["id"]
    put(ada, number, 0, WEBM[:200])
    broken = ada.call(f"/api/recordings/{number}/finish", {"chunks": 1})
    assert broken.json()["code"] == "unplayable"
    assert (tmp_path / f"recordings/{number}/original.webm").read_bytes() == WEBM[:200], "kept all the same"


def wav_silence() -> bytes:
    return wav_bytes(Audio(samples=np.zeros(RATE, np.float32)))


def hand_in(room: Room, browser: Browser, text: str = "") -> int:
    """Speak and hand in; the number of the work."""
    lease = browser.take("speak")["lease"]
    number = say(browser, lease)
    payload = {"texts": {str(number): text}} if text else {}
    answer = browser.call(f"/api/leases/{lease}/submit", {"payload": payload})
    assert answer.status_code == 200, answer.text
    with room.database.read() as rows:
        return rows.scalars(select(Annotation.id).where(Annotation.lease_id == lease)).one()


def test_words_become_a_caption_and_contradictions_reach_the_reviewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_speaking(tmp_path, monkeypatch, annotations=2)
    ada, bob, rev = room.person("Ada"), room.person("Bob"), room.person("Rev", "reviewer")
    one = hand_in(room, ada, "Um, there are three boats on the lake. The lake is calm.")
    two = hand_in(room, bob, "Two boats are on the lake. A tall tree stands at the shore.")
    work_off(room)
    seen = rev.get(f"/api/reviews/{two}/spoken").json()
    assert ada.get(f"/api/reviews/{two}/spoken").status_code == 403, "no annotator sees another's work"
    caption = seen["caption"]
    assert caption["method"] == "offline"
    assert "A tall tree stands at the shore." in caption["text"]
    assert "Um" not in caption["text"]
    assert [clash["thing"] for clash in caption["contradictions"]] == ["boat"]
    assert {one["engine"] for one in seen["transcripts"]} == {"none", "person"}, "the machine's own stays"

    # somebody's words go at their request, and with them what was made out of them
    ada.form("/account/erase", sure="Ada")
    with room.database.read() as rows:
        assert [turn.text for turn in rows.scalars(select(Turn))] == [""]
        assert "three boats" not in " ".join(rows.scalars(select(Transcript.text)))
    assert one != two


def test_a_program_writes_it_down_and_can_do_so_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openmolmo.engine.studio.recording.texts import newest
    from openmolmo.engine.studio.recording.transcribe_job import ask_again

    room = make_speaking(tmp_path, monkeypatch, speech="pocketsphinx:sentence_pause=0.25")
    ada = room.person("Ada")
    lease = ada.take("speak")["lease"]
    number = say(ada, lease)
    assert work_off(room) == 1
    (part,) = states(ada, lease)
    assert (part["words"], part["engine"]) == ("there", "pocketsphinx")
    assert len(str(part["text"]).split()) > 8
    ada.call(f"/api/leases/{lease}/submit", {"payload": {"texts": {str(number): "What I really said."}}})
    with room.database.begin() as rows:
        assert ask_again(rows, "x", room.time) == 1
    assert work_off(room, lambda settings: settings.replace(speech="none")) >= 2
    with room.database.read() as rows:
        kept = [(one.engine, bool(one.model)) for one in rows.scalars(select(Transcript).order_by(Transcript.id))]
        assert kept == [("pocketsphinx", True), ("person", False), ("none", False)]
        said = newest(rows, number)
        assert said is not None
        assert said.text == "What I really said.", "a correction counts, whatever is heard later"
        assert rows.scalars(select(Recording.speech_share)).one() > 0.5

    # a recording that is gone by the time the worker comes is no fault of the worker
    with room.database.begin() as rows:
        rows.scalars(select(Recording)).one().state = "discarded"
        job = rows.scalars(select(Job).where(Job.key == f"transcribe-{number}")).one()
        job.state, job.done_at, job.due_at = "waiting", None, 0.0
    work_off(room)
    with room.database.read() as rows:
        job = rows.scalars(select(Job).where(Job.key == f"transcribe-{number}")).one()
        assert job.state == "failed"
        assert "discarded" in str(job.error)


def test_keys_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_speaking(tmp_path, monkeypatch)
    ada = room.person("Ada")
    assert ada.call("/api/speak/keys", {"keys": {"record": "F5", "stop": "s"}}).status_code == 200
    assert ada.take("speak")["keys"] == {"speak.record": "F5"}, "what is as at first need not be kept"
    assert ada.call("/api/speak/keys", {"keys": {"record": "s", "stop": "S"}}).json()["code"] == "same_key"
    page = ada.form("/account/keys", **{"key.picture.loupe": "Q", "key.vote.left": "ö", "key.none.such": "p"})
    assert page.status_code == 200
    assert 'name="key.picture.loupe" data-press value="q" placeholder="l"' in page.text
    task = ada.take("speak")
    assert task["keys"] == {"speak.record": "F5", "picture.loupe": "q", "vote.left": "ö"}
    assert task["own_keys"] == {"l": "q", "r": "F5"}, "of this page, by the key that it is at first"
    for wrong, said in (({"key.point.new": "q"}, "same key"), ({"key.point.new": "Tab"}, "cannot be chosen")):
        refused = ada.form("/account/keys", **wrong)
        assert refused.status_code == 400
        assert said in refused.text
    assert ada.form("/account/keys", **{"key.picture.loupe": "", "key.vote.left": ""}).status_code == 200
    assert ada.take("speak")["keys"] == {"speak.record": "F5"}
