"""Asking a text-only language model, explaining with points, and voting: through the addresses that the pages call."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import argon2
import pytest
from app_room import Browser, Room
from asking_room import ALT, fill_asking, work_off
from click.testing import CliRunner
from fake_llm_server import FakeLLMServer
from sqlalchemy import select

from openmolmo.cli import cli
from openmolmo.core.errors import ConfigError, RunError
from openmolmo.engine.studio import accounts
from openmolmo.engine.studio.app.create import create_app
from openmolmo.engine.studio.asking.captioners import CAPTIONERS, caption_by
from openmolmo.engine.studio.asking.live import parse_models
from openmolmo.engine.studio.exporting.export import ExportSettings, export_project
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.engine.studio.store.tables import Annotation, Lease, Person, Project, Task, Turn
from openmolmo.engine.studio.tasks.ask import ASK
from openmolmo.engine.studio.tasks.explain import EXPLAIN
from openmolmo.engine.studio.tasks.markers import missing_markers, strange_markers, take_markers
from openmolmo.engine.studio.tasks.vote import OUTCOMES, VOTE
from openmolmo.evaluation.arena.votes import read_votes
from openmolmo.records.audit import audit_dataset
from openmolmo.records.example import Made, PointExplanation, QuestionAnswer
from openmolmo.records.folder import open_dataset

LID = {"label": "Lid", "points": [{"x": 50, "y": 35}]}
JAR = {"label": "jar", "points": [{"x": 50, "y": 60}]}


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """The application with the project of jars. The browser's tests do the same on PostgreSQL."""
    yield from _rooms(StudioSettings(directory=tmp_path / "studio"), monkeypatch)


def _rooms(settings: StudioSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    quick = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", lambda: quick)
    settings.directory.mkdir()
    database = upgrade(settings.database_url)
    fill_asking(settings.directory, database)
    yield Room(create_app(settings, database), database, settings.directory, settings, time=time.time())
    database.close()


class Asker:
    """Somebody at the page of a mode."""

    def __init__(self, room: Room, mode: str, name: str, *, settings: StudioSettings | None = None) -> None:
        self.room, self.settings = room, settings or room.settings
        self.browser: Browser = room.person(name)
        self.task = self.browser.take(mode)
        self.lease, self.revision = self.task["lease"], self.task["revision"]

    def save(self, **payload: Any) -> None:
        body = {"payload": payload, "revision": self.revision}
        self.revision = self.browser.call(f"/api/leases/{self.lease}/draft", body).json()["revision"]

    def say(self, kind: str, text: str) -> Any:
        return self.browser.call(f"/api/asking/{self.lease}/turns", {"kind": kind, "text": text})

    def view(self) -> dict[str, Any]:
        return dict(self.browser.get(f"/api/asking/{self.lease}").json())

    def drafted(self) -> str:
        """The newest draft, when the worker has done what there is to do."""
        work_off(self.room.database, self.settings)
        return str(next(turn["text"] for turn in reversed(self.view()["turns"]) if turn["kind"] == "draft"))

    def hand_in(self, **payload: Any) -> Any:
        return self.browser.call(f"/api/leases/{self.lease}/submit", {"payload": payload})


def with_llm(room: Room, server: FakeLLMServer) -> StudioSettings:
    return StudioSettings(directory=room.directory, database=room.settings.database, llm=server.line())


def test_ask_reject_edit_and_export(room: Room, tmp_path: Path) -> None:
    replies = iter(("It is strawberry jam.", "It is plum jam, in a red jar."))
    with FakeLLMServer(reply=lambda body: next(replies)) as server:
        anna = Asker(room, "ask", "Anna", settings=with_llm(room, server))
        assert anna.say("question", "What is in the jar?").status_code == 422, "nothing is saved yet"
        anna.save(question="What is in the jar?", answer="")
        assert anna.say("reject", "no").json()["error"] == "There is no draft to reject yet."
        assert anna.say("question", " ").json()["error"] == "Write a question first."
        view = anna.say("question", "What is in the jar?").json()
        assert view["draft"]["state"] == "waiting"
        assert view["known"]["caption"] == ALT
        assert view["known"]["caption_from"] == "alt"
        assert anna.say("question", "What is in the jar?").json()["turns"] == view["turns"], "the same twice is one"
        assert anna.drafted() == "It is strawberry jam."
        anna.say("reject", "The label says plum.")
        assert anna.say("reject", "And more.").json()["error"] == "A new draft is on its way already."
        assert anna.drafted() == "It is plum jam, in a red jar."
        prompt = server.bodies[-1]["messages"][-1]["content"]
        for known in (ALT, "PLUM JAM", "It is strawberry jam.", "The label says plum.", "What is in the jar?"):
            assert known in prompt
        assert all(isinstance(one["content"], str) for body in server.bodies for one in body["messages"])
    final = "It is plum jam, in a red jar with a blue lid."
    for kind in ("edit", "accept"):
        assert anna.say(kind, final).status_code == 200
    assert anna.hand_in(question="What is in the jar?", answer=final).status_code == 200
    other = room.person("Otto")
    assert other.get(f"/api/asking/{anna.lease}").status_code == 403, "nobody sees another's work"
    assert room.person("Rita", "reviewer").get(f"/api/asking/{anna.lease}").status_code == 200
    _typed(room)
    export_project(room.database, room.directory, 1, tmp_path / "out", ExportSettings(modes=("ask",)))
    assert audit_dataset(tmp_path / "out").ok
    (example,) = open_dataset(tmp_path / "out")
    asked, typed = example.annotations
    assert asked == QuestionAnswer(question="What is in the jar?", answers=(final,))
    assert isinstance(typed, QuestionAnswer)
    made = example.provenance.made["question_answer"]
    assert set(made) == {Made.WRITTEN, Made.OCR, Made.TEXT_LLM}
    kinds = [turn["kind"] for turn in example.facts["studio"][0]["ask"][0]["turns"]]
    assert kinds == ["question", "draft", "reject", "draft", "edit", "accept"]
    receipts = example.provenance.receipts
    assert "fake-1" in receipts.values()
    assert "alt" in receipts.values()


def _typed(room: Room) -> None:
    """Somebody writes question and answer without asking anybody; the same task needs more people than one."""
    bert = Asker(room, "ask", "Bert")
    assert bert.hand_in(question="Which colour?", answer="").json()["error"].startswith("The answer is missing")
    assert bert.hand_in(question="Which colour?", answer="Red.").status_code == 200


def test_without_a_model_a_program_searches(room: Room) -> None:
    anna = Asker(room, "ask", "Anna")
    anna.save(question="Where is the spoon?", answer="")
    anna.say("question", "Where is the spoon?")
    assert anna.drafted() == "A yellow spoon lies beside the jar."
    (draft,) = [turn for turn in anna.view()["turns"] if turn["kind"] == "draft"]
    assert draft["made"]["made"] == "program"
    anna.say("reject", "Say more.")
    assert anna.drafted() != "A yellow spoon lies beside the jar.", "a rejected sentence is not found again"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["server", "html", "reset"])
def test_a_model_with_faults_loses_nothing(room: Room, fault: str) -> None:
    with FakeLLMServer(reply=lambda body: "A jar.", faults={fault: 1.0}) as server:
        anna = Asker(room, "ask", "Anna", settings=with_llm(room, server))
        anna.save(question="What is it?", answer="mine so far")
        anna.say("question", "What is it?")
        work_off(room.database, anna.settings)
        failed = anna.view()["draft"]
        assert failed["state"] == "failed"
        assert len(failed["error"]) > 10
        assert "Traceback" not in failed["error"]
        server.faults = {}
        assert anna.browser.call(f"/api/asking/{anna.lease}/again").json()["draft"]["state"] == "waiting"
        assert anna.drafted() == "A jar."
    again = anna.browser.take("ask")
    assert again["draft"] == {"question": "What is it?", "answer": "mine so far"}


@pytest.mark.slow
def test_a_model_that_is_down_or_says_nothing(room: Room) -> None:
    with FakeLLMServer(reply=lambda body: " \x00 ") as server:
        settings = with_llm(room, server)
        anna = Asker(room, "ask", "Anna", settings=settings)
        anna.save(question="What is it?")
        anna.say("question", "What is it?")
        work_off(room.database, settings)
        assert anna.view()["draft"]["state"] == "failed", "nothing readable is no draft"
    bert = Asker(room, "ask", "Bert", settings=settings)
    bert.save(question="What is it?")
    bert.say("question", "What is it?")
    work_off(room.database, settings)
    assert "127.0.0.1" in bert.view()["draft"]["error"], "the server is gone: the sentence says which"
    assert bert.hand_in(question="What is it?", answer="A jar.").status_code == 200, "people can answer without"


def test_what_is_known_of_a_picture(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def captioner(picture: Path, argument: str) -> str:
        calls.append(argument)
        if argument == "broken":
            raise RunError("the model has no words today")
        return f"A picture called {picture.name}."

    monkeypatch.setattr(CAPTIONERS, "_local", {**CAPTIONERS._local, "mine": captioner})
    with room.database.begin() as rows:
        task = rows.scalars(select(Task).where(Task.mode == "ask")).first()
        assert task is not None
        _set(rows, "ask", captioner="mine:broken", ocr="rapidocr")
    anna = Asker(room, "ask", "Anna")
    anna.browser.call(f"/api/asking/{anna.lease}/look")
    work_off(room.database, room.settings)
    known = anna.view()["known"]
    assert known["caption_from"] == "alt", "a captioner that fails does no harm"
    assert known["faults"]["captioned"] == "the model has no words today"
    with room.database.begin() as rows:
        _set(rows, "ask", captioner="mine:good")
    anna.save(question="What is it called?")
    anna.say("question", "What is it called?")
    assert anna.drafted() == "A picture called jar.png."
    assert anna.view()["known"]["caption_by"] == "mine:good"
    anna.say("reject", "Once more.")
    work_off(room.database, room.settings)
    assert calls == ["broken", "good"], "a caption is made once"
    with room.database.begin() as rows:  # a person's caption goes before a model's
        task = rows.scalars(select(Task).where(Task.mode == "ask")).first()
        assert task is not None
        _spoken(rows, task, "I see a jar of jam.")
    assert anna.view()["known"]["caption"] == "I see a jar of jam."
    assert anna.view()["known"]["caption_from"] == "person"
    with pytest.raises(RunError, match="nothing to say"):
        monkeypatch.setattr(CAPTIONERS, "_local", {"mute": lambda *_: " "})
        caption_by("mute", Path("jar.png"))


def _set(rows: Any, mode: str, **options: Any) -> None:
    project = rows.get_one(Project, 1)
    project.settings = {**project.settings, mode: {**project.settings[mode], **options}}


def _spoken(rows: Any, task: Task, text: str) -> None:
    person = rows.scalars(select(Person)).first()
    spoken = Task(
        project_id=1, picture_id=task.picture_id, mode="speak", payload={}, place=0.0, need=1, slots=0, created_at=0.0
    )
    rows.add(spoken)
    rows.flush()
    lease = Lease(task_id=spoken.id, person_id=person.id, taken_at=0.0, expires_at=0.0, ended_at=1.0)
    rows.add(lease)
    rows.flush()
    work = Annotation(
        task_id=spoken.id, lease_id=lease.id, person_id=person.id, payload={}, state="accepted", revision=1,
        created_at=0.0, changed_at=0.0, worked_ms=0,
    )  # fmt: skip
    rows.add(work)
    rows.flush()
    rows.add(Turn(annotation_id=work.id, number=0, kind="caption", text=text, made={}, created_at=0.0))


def test_explain_must_refer_to_every_click(room: Room, tmp_path: Path) -> None:
    replies = iter(("Turn [1].", "Turn it [9].", "Turn [1|the blue lid] of [2]."))
    with FakeLLMServer(reply=lambda body: next(replies)) as server:
        anna = Asker(room, "explain", "Anna", settings=with_llm(room, server))
        page = {"groups": [LID, JAR], "question": "How is it opened?"}
        anna.save(**page)
        anna.say("question", "How is it opened?")
        assert anna.drafted() == "Turn it [9]."
        assert len(server.bodies) == 2, "it is asked once more, and then the person mends"
        prompts = [body["messages"][-1]["content"] for body in server.bodies]
        assert "[2] jar (50, 60)" in prompts[0]
        assert "refer to each of [1], [2]" in prompts[1]
        turn = anna.view()["turns"][-1]
        assert turn["made"]["missing"] == [1, 2, 9]
        assert "[9]" in anna.hand_in(**page, answer="Turn it [9].").json()["error"]
        assert "[2] jar" in anna.hand_in(**page, answer="Turn [1].").json()["error"]
        assert anna.hand_in(groups=[], question="x", answer="y").json()["error"].startswith("Click the things first")
        anna.say("reject", "It has two things.")
        final = anna.drafted()
    anna.say("accept", final)
    assert anna.hand_in(**page, answer=final).status_code == 200
    export_project(room.database, room.directory, 1, tmp_path / "out", ExportSettings(modes=("explain",)))
    (example,) = open_dataset(tmp_path / "out")
    (explained,) = example.annotations
    assert isinstance(explained, PointExplanation)
    assert explained.answer == "Turn <|POINT|> of <|POINT|>."
    assert explained.labels == ("the blue lid", "jar")
    assert explained.alts == ("lid", "jar")
    assert [(one.x, one.y) for (one,) in explained.points] == [(50, 35), (50, 60)]
    assert example.provenance.made["point_explanation"] == (Made.CLICKED, Made.WRITTEN, Made.OCR, Made.TEXT_LLM)
    assert audit_dataset(tmp_path / "out").ok
    export_project(room.database, room.directory, 1, tmp_path / "pixmo", ExportSettings(format="pixmo"))
    assert (tmp_path / "pixmo/pixmo-point-explanations/train.parquet").exists()


def test_markers() -> None:
    assert missing_markers("Put [1] on [ 2 ] and [3|it].", 3) == [2]
    assert strange_markers("Put [0] on [4] and [1].", 3) == [0, 4]
    marked = take_markers("[2|it] and [1], then [2]; not [a] or <|POINT|>.", ["lid", "jar"])
    assert marked.answer == "<|POINT|> and <|POINT|>, then <|POINT|>; not [a] or ."
    assert (marked.things, marked.words) == ((1, 0, 1), ("it", "lid", "jar"))


def test_vote_to_the_arena(room: Room, tmp_path: Path) -> None:
    chosen = ["a", "a", "b", "both_good", "dont_know"]
    for number, outcome in enumerate(chosen):
        voter = Asker(room, "vote", f"Voter {number}")
        shown = json.dumps(voter.task)
        assert "nano" not in shown, "no page tells whose answers they are"
        if number == 0:
            assert voter.hand_in(outcome="c", left=0).json()["error"] == "Choose one of the five first."
            assert voter.hand_in(outcome="a", left=2).status_code == 422
        assert voter.hand_in(outcome=outcome, left=number % 2).status_code == 200
    export_project(room.database, room.directory, 1, tmp_path / "out", ExportSettings(format="votes"))
    file = tmp_path / "out/votes.jsonl"
    votes = read_votes(file)
    assert votes.total == 4
    assert set(votes.models) == {"nano", "other"}
    fitted = CliRunner().invoke(cli, ["arena", "fit", str(file), "--json"])
    assert fitted.exit_code == 0, fitted.output
    assert "nano" in fitted.output
    report = CliRunner().invoke(
        cli, ["studio", "report", "--dir", str(room.directory), "--database", room.settings.database_url]
    )
    assert "vote" in report.output, report.output


@pytest.mark.slow
def test_live_models_are_asked_and_voted_on(room: Room) -> None:
    (room.directory.parent / "jar.png").write_bytes((room.directory / "pictures/jar.png").read_bytes())
    questions = room.directory.parent / "questions.jsonl"
    questions.write_text(json.dumps({"question_id": "7", "image": "jar.png", "question": "What is it?"}))
    with FakeVision("A jar.") as one, FakeVision("A cup.") as other:
        models = ["--model", f"one={one.line()}", "--model", f"other={other.line()}"]
        said = CliRunner().invoke(cli, ["studio", "compare", str(questions), "--dir", str(room.directory), *models])
        assert said.exit_code == 0, said.output
        work_off(room.database, room.settings)
        for server in (one, other):
            (body,) = server.bodies
            assert body["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
        with room.database.read() as rows:
            tasks = rows.scalars(select(Task).where(Task.mode == "vote")).all()
        assert sorted(tasks[-1].payload["answers"]) == ["A cup.", "A jar."]
        CliRunner().invoke(cli, ["studio", "compare", str(questions), "--dir", str(room.directory), *models])
        work_off(room.database, room.settings)
        assert len(one.bodies) == 1, "the same question is asked once"
    alone = CliRunner().invoke(cli, ["studio", "compare", str(questions), "--dir", str(room.directory), *models[:2]])
    assert isinstance(alone.exception, ConfigError)
    assert "two or more" in str(alone.exception)
    for lines in (["x", "y"], ["a=template", "b=template"]):
        with pytest.raises(ConfigError, match="no model to compare"):
            parse_models(lines)


class FakeVision(FakeLLMServer):
    """A judged model: it gets pictures, and says one thing."""

    def __init__(self, answer: str) -> None:
        super().__init__(reply=lambda body: answer)


def test_agreement_and_gold() -> None:
    one = {"question": "What is it?", "answer": "A red jar of jam."}
    assert ASK.agreement(one, {**one, "question": "what is it"}) == 1.0
    assert ASK.agreement(one, {"question": "Who?", "answer": "Nobody."}) is None
    assert 0 < (ASK.agreement(one, {**one, "answer": "A red cup."}) or 0) < 1
    assert ASK.matches_gold({"answers": ["milk", "Jam"]}, one)
    assert not ASK.matches_gold({"answers": ["ja"]}, one)
    clicked = {"groups": [{"label": "lid", "points": [{"x": 50, "y": 35}]}], "aspect": 0.75}
    far = {**clicked, "groups": [{"label": "lid", "points": [{"x": 5, "y": 5}]}]}
    assert EXPLAIN.agreement(clicked, clicked) == 1.0
    assert EXPLAIN.agreement(clicked, far) == 0.0
    assert EXPLAIN.matches_gold(clicked, clicked)
    assert not EXPLAIN.matches_gold(clicked, far)
    votes = {outcome: {"outcome": outcome, "left": 0} for outcome in OUTCOMES}
    assert VOTE.agreement(votes["a"], votes["a"]) == 1.0
    assert VOTE.agreement(votes["a"], votes["b"]) == 0.0
    assert VOTE.agreement(votes["a"], votes["both_good"]) == 0.5
    assert VOTE.agreement(votes["a"], votes["dont_know"]) is None
    assert VOTE.matches_gold({"outcomes": ["a", "both_good"]}, votes["a"])
    assert not VOTE.matches_gold({"outcome": "b"}, votes["a"])
