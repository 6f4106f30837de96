"""What people said becomes one caption: by a text-only model where there is one, and never without its receipts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from app_room import Browser, Room
from fake_llm_server import FakeLLMServer
from speak_room import make_speaking, say, work_off
from sqlalchemy import select

from openmolmo.core.files import sha256_file
from openmolmo.engine.studio.exporting.export import ExportSettings, export_project
from openmolmo.engine.studio.store.tables import Annotation, Job, Picture, Turn
from openmolmo.engine.studio.tasks.base import Spoken, TaskView, Work
from openmolmo.engine.studio.tasks.complaints import UnfinishedError
from openmolmo.engine.studio.tasks.speak import SPEAK, texts_key
from openmolmo.records.audit import audit_dataset
from openmolmo.records.example import Caption, Made, Transcript
from openmolmo.records.folder import open_dataset

ONE, TWO = "Three red boats are on the lake.", "Two boats are on a calm lake. A tree stands there."
MERGED = "Boats lie on a calm lake beside a tree."


def hand_in(browser: Browser, text: str) -> None:
    lease = browser.take("speak")["lease"]
    number = say(browser, lease)
    answer = browser.call(f"/api/leases/{lease}/submit", {"payload": {"texts": {str(number): text}}})
    assert answer.status_code == 200, answer.text


def spoken_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    room = make_speaking(folder, monkeypatch, annotations=2)
    for name, text in (("Ada", ONE), ("Bob", TWO)):
        hand_in(room.person(name), text)
    return room


def test_a_text_only_model_merges_and_its_part_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = spoken_room(tmp_path, monkeypatch)
    with FakeLLMServer(reply=lambda _: f"Caption: {MERGED}") as server:
        work_off(room, lambda settings: settings.replace(llm=server.line()))
        prompts = [str(body["messages"]) for body in server.bodies if "messages" in body]
    assert any(ONE in prompt and TWO in prompt for prompt in prompts)
    with room.database.begin() as rows:
        turn = rows.scalars(select(Turn).order_by(Turn.id.desc())).first()
        assert turn is not None
        assert (turn.text, turn.made["method"]) == (MERGED, "llm")
        assert len(turn.made["prompt_sha256"]) == 64
        assert [one["thing"] for one in turn.made["contradictions"]] == ["boat"]
        for work in rows.scalars(select(Annotation)):
            work.state = "accepted"
        rows.scalars(select(Picture)).one().sha256 = sha256_file(tmp_path / "pictures/0.png")
    report = export_project(room.database, tmp_path, 1, tmp_path / "out", ExportSettings(modes=("speak",)))
    assert report.left_out == []
    (example,) = open_dataset(tmp_path / "out")
    assert example.annotations == (Caption(text=MERGED), Transcript(text=ONE), Transcript(text=TWO))
    origin = example.provenance
    assert origin.made["caption"] == (Made.SPOKEN, Made.WRITTEN, Made.TEXT_LLM), "typed: no program heard it"
    assert origin.made["transcript"] == (Made.SPOKEN, Made.WRITTEN)
    assert origin.receipts["caption.prompt_sha256"] == turn.made["prompt_sha256"]
    assert len(origin.receipts["audio_sha256"].split()) == 2
    audit = audit_dataset(tmp_path / "out")
    assert audit.ok
    assert audit.recordings == 1, "both said the same bytes in this test"


def test_a_model_that_is_down_is_waited_for_and_then_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = spoken_room(tmp_path, monkeypatch)
    monkeypatch.setattr("openmolmo.engine.studio.recording.merge_job.RETRIES", 0)
    nowhere = "openai:gone@http://127.0.0.1:9/v1"
    work_off(room, lambda settings: settings.replace(llm=nowhere))
    with room.database.begin() as rows:
        waiting = rows.scalars(select(Job).where(Job.kind == "merge", Job.done_at.is_(None))).all()
        assert waiting, "tried again later"
        assert "127.0.0.1:9" in str(waiting[0].error)
        for job in waiting:
            job.attempts, job.due_at = 4, 0.0
    work_off(room, lambda settings: settings.replace(llm=nowhere))
    with room.database.read() as rows:
        turn = rows.scalars(select(Turn).order_by(Turn.id.desc())).first()
        assert turn is not None
        assert turn.made["method"] == "offline"
        assert "without the language model" in turn.made["note"]


def work(number: int, *parts: tuple[str, str], payload: dict[str, Any] | None = None, **turn: Any) -> Work:
    spoken = tuple(
        Spoken(
            recording_id=place,
            sha256="0" * 64,
            media_type="audio/webm",
            milliseconds=1,
            path="",
            transcript=text,
            engine=engine,
            how={"person": "corrected", "typed": "typed"}.get(engine, "recognised"),
        )
        for place, (text, engine) in enumerate(parts)
    )
    turns = ({"kind": "caption", "at": 1.0, **turn},) if turn else ()
    return Work(annotation_id=number, person=f"p-{number}", payload=payload or {}, spoken=spoken, turns=turns)


def test_what_is_exported_says_how_it_was_made() -> None:
    task = TaskView(id=1, mode="speak", picture_id=1, width=10, height=10, payload={}, options={})
    assert SPEAK.export(task, [work(1, ("", "none"))]) is None, "nobody said a word"

    typed = SPEAK.export(task, [work(1, ("A lake.", "person"), ("A tree.", "pocketsphinx"))])
    assert typed is not None
    assert typed.annotations == (Caption(text="A lake. A tree."), Transcript(text="A lake. A tree."))
    assert typed.made["caption"] == (Made.SPOKEN, Made.SPEECH, Made.WRITTEN, Made.PROGRAM)

    by_hand = SPEAK.export(task, [work(1, ("A lake.", "typed"))])
    assert by_hand is not None
    assert by_hand.made["transcript"] == (Made.SPOKEN, Made.WRITTEN), "no program heard it, and none is named"

    # a caption of other words than these is not theirs: it is merged anew
    stale = {"text": "Old.", "made": {"method": "llm", "texts_sha256": texts_key(["Something else."])}}
    fresh = SPEAK.export(task, [work(1, ("A lake.", "whisper"), **stale)])
    assert fresh is not None
    assert fresh.annotations[0] == Caption(text="A lake.")
    assert fresh.made["caption"] == (Made.SPOKEN, Made.SPEECH, Made.PROGRAM)

    mended = SPEAK.export(task, [work(1, ("A lake.", "whisper"), payload={"caption": "A deep lake."})])
    assert mended is not None
    assert mended.annotations[0] == Caption(text="A deep lake.")
    assert mended.made["caption"][-1] is Made.WRITTEN


def test_work_is_compared_by_what_it_says(tmp_path: Path) -> None:
    one, two = ({"texts": {"1": text}} for text in (ONE, "The boats on this lake are red."))
    assert SPEAK.agreement(one, two) == 1.0
    assert SPEAK.agreement(one, {"texts": {}}) is None
    assert SPEAK.matches_gold({"words": "boats lake"}, one)
    assert not SPEAK.matches_gold({"words": "dog frisbee lawn"}, one)
    task = TaskView(id=1, mode="speak", picture_id=1, width=10, height=10, payload={}, options={})
    clean = SPEAK.check(task, {"texts": {"7": " a\x00 lake ", "x": "y", "8": 5}, "caption": None})
    assert clean == {"texts": {"7": "a lake", "8": ""}, "caption": ""}
    with pytest.raises(UnfinishedError, match="characters"):
        SPEAK.check(task, {"texts": {"7": "a" * 9000}})
