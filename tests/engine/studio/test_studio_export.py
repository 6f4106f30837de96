"""Finished work goes out whole, without names, in every form; receipts of speech hold or fail by name."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from speaking_mode import finish, install, picture, sound, speak
from sqlalchemy import select, update

from openmolmo.cli import cli
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import sha256_file
from openmolmo.engine.studio import erasure
from openmolmo.engine.studio.exporting.examples import Splits
from openmolmo.engine.studio.exporting.export import ExportReport, ExportSettings, export_project
from openmolmo.engine.studio.exporting.pixmo import SETS
from openmolmo.engine.studio.importing.beginning import init_sample, make_project
from openmolmo.engine.studio.importing.report import ImportSettings
from openmolmo.engine.studio.importing.sources.finding import Columns, pictures_of
from openmolmo.engine.studio.importing.taking_in import take_in
from openmolmo.engine.studio.importing.voting import add_votes
from openmolmo.engine.studio.store.database import Database, upgrade
from openmolmo.engine.studio.store.tables import Event, Person, Picture, Recording, Task
from openmolmo.records.audit import audit_dataset
from openmolmo.records.check import check_dataset
from openmolmo.records.example import Caption, Made, NotPresent, Pointing, QuestionAnswer, Transcript
from openmolmo.records.folder import open_dataset
from openmolmo.records.imports import import_file

NUMBER = 1


@pytest.fixture(autouse=True)
def modes(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The studio of :func:`studio`, made once."""
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return _build(tmp_path_factory.mktemp("built"))


@pytest.fixture
def studio(built: Path, tmp_path: Path) -> Path:
    """Four pictures; two people spoke about the first one and one about the second; all were clicked on."""
    return shutil.copytree(built, tmp_path / "studio")


def _build(tmp_path: Path) -> Path:
    studio, pictures = tmp_path / "studio", tmp_path / "pictures"
    for folder in (studio, pictures):
        folder.mkdir()
    for number in range(4):
        (pictures / f"{number}.png").write_bytes(picture(number))
    with closing(database_of(studio)) as database:
        make_project(database, "mine", licence="CC-BY-4.0")
        given = ImportSettings(modes=("point", "speak", "ask"), licence="CC0-1.0")
        take_in(database, studio, NUMBER, pictures_of(str(pictures), studio, Columns()), given)
        with database.begin() as session:
            people = [Person(name=name, role="annotator", created_at=0.0) for name in ("Ada Lovelace", "Bob", "Cy")]
            session.add_all(people)
            session.flush()
            points, talks, asks = (
                session.scalars(select(Task).where(Task.mode == mode).order_by(Task.place)).all()
                for mode in ("point", "speak", "ask")
            )
            for task in points:
                finish(session, task, people[0], {"label": "blue & red", "points": [[10.5, 20.25], [99.9, 0.1]]})
            speak(session, studio, talks[0], people[0], "a house", sound(pitch=300))
            speak(session, studio, talks[0], people[1], "a red house", sound(pitch=400))
            speak(session, studio, talks[1], people[2], "a tree", sound(pitch=500))
            unreviewed = finish(session, talks[2], people[0], {"label": "x", "points": [[1, 2]]})
            assert unreviewed.state == "submitted"
            finish(session, asks[3], people[1], {"question": "What?", "answer": "Blocks."})
    return studio


def database_of(studio: Path) -> Database:
    return upgrade(f"sqlite:///{studio / 'studio.sqlite'}")


def export(studio: Path, out: Path, **settings: object) -> ExportReport:
    with closing(database_of(studio)) as database:
        return export_project(database, studio, NUMBER, out, ExportSettings(**settings))  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): sha256_file(file) for file in sorted(folder.rglob("*")) if file.is_file()}


def test_records_have_recordings_and_provenance_and_the_same_bytes_again(studio: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = export(studio, out)
    assert (report.examples, report.recordings, report.left_out) == (7, 3, [])
    assert check_dataset(out).ok
    audit = audit_dataset(out)
    assert (audit.ok, audit.recordings) == (True, 3)
    examples = {one.id.split("-", 3)[3]: one for one in open_dataset(out)}
    first = examples["speak-1"]
    assert [type(item) for item in first.annotations] == [Caption, Transcript, Transcript]
    assert first.annotations[0] == Caption(text="a house a red house")  # the correction, not what was heard
    origin = first.provenance
    assert (origin.dataset, origin.licence, origin.tool) == ("mine", "CC-BY-4.0 (picture: CC0-1.0)", "openmolmo studio")
    assert origin.made["caption"] == (Made.SPOKEN, Made.SPEECH, Made.PROGRAM)
    assert len(origin.receipts["audio_sha256"].split()) == 2
    assert origin.receipts["audio_ms"] == "2000 2000"
    assert origin.receipts["handed_in"] == "1970-01-01T00:00:09Z 1970-01-01T00:00:10Z"
    assert "erased" not in origin.receipts
    assert not any("Ada" in file.read_bytes().decode("latin-1") for file in out.rglob("*") if file.is_file())
    people = origin.receipts["people"].split()
    assert examples["point-1"].provenance.receipts["people"] == people[0]  # one person, one pseudonym
    for digest in origin.receipts["audio_sha256"].split():
        assert sha256_file(out / f"recordings/{digest}.webm") == digest
        card = json.loads((out / f"recordings/{digest}.json").read_text())
        assert (card["picture_sha256"], card["person"] in people) == (first.image.sha256, True)  # type: ignore[union-attr]

    before = contents(out)
    export(studio, out)
    assert contents(out) == before
    export(studio, out, unreviewed=True, modes=("speak",))
    assert len(open_dataset(out)) == 3
    with closing(database_of(studio)) as database, database.begin() as session:
        book = session.scalars(select(Event).where(Event.kind == "project.exported").order_by(Event.id)).all()
        assert book[0].after == {"out": "out", "format": "records", "examples": 7, "recordings": [1, 2, 3]}


def test_an_export_is_whole_or_absent_and_takes_up_what_it_had(
    studio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, part = tmp_path / "out", tmp_path / ".out.part"
    from openmolmo.engine.studio.exporting import export as module

    whole = module._WRITERS["records"]

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(module._WRITERS, "records", cut)
    with pytest.raises(KeyboardInterrupt):
        export(studio, out)
    assert not out.exists()
    kept = {file: file.stat().st_mtime_ns for file in (part / "recordings").iterdir()}
    assert len(kept) == 6
    (part / "recordings/stale.webm").write_bytes(b"of somebody who was erased since")
    monkeypatch.setitem(module._WRITERS, "records", whole)
    export(studio, out)
    assert {out / "recordings" / file.name: time for file, time in kept.items()} == {
        file: file.stat().st_mtime_ns for file in (out / "recordings").iterdir()
    }
    assert not part.exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.txt").write_text("precious")
    with pytest.raises(ConfigError, match="something else than an export"):
        export(studio, tmp_path / "other")

    # A recording that was changed in the studio takes its own example with it, and no other.
    (studio / "recordings/5.webm").write_bytes(sound(pitch=900))
    report = export(studio, out)
    assert (report.examples, len(report.left_out)) == (6, 1)
    assert "it was changed" in report.left_out[0]
    result = CliRunner().invoke(cli, ["studio", "export", str(out), "--dir", str(studio)])
    assert "1 example left out" in str(result.exception)


def test_a_picture_is_in_one_split(studio: Path, tmp_path: Path) -> None:
    export(studio, tmp_path / "out", splits=Splits(validation=0.3, test=0.3, seed=2))
    splits: dict[str, set[str]] = {}
    for one in open_dataset(tmp_path / "out"):
        assert one.image is not None and one.image.sha256 is not None
        splits.setdefault(one.image.sha256, set()).add(one.split)
    assert len(splits) == 4
    assert all(len(found) == 1 for found in splits.values())
    assert len(set.union(*splits.values())) > 1
    with closing(database_of(studio)) as database, database.begin() as session:
        session.execute(update(Picture).values(split="test"))
    export(studio, tmp_path / "out", splits=Splits(validation=1.0))
    assert {one.split for one in open_dataset(tmp_path / "out")} == {"test"}
    with pytest.raises(ConfigError, match="together at most 1"):
        Splits(validation=0.6, test=0.6)


def test_an_erased_person_leaves_a_tombstone_and_nothing_else(studio: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(studio, out)
    before = {one.id.split("-", 3)[3]: one for one in open_dataset(out)}["speak-1"]
    ada, bob = before.provenance.receipts["people"].split()
    with closing(database_of(studio)) as database:
        with database.begin() as session:
            erasure.erase(session, studio, session.get_one(Person, 1), by=None, now=99.0)
        erasure.remove_files(database, studio)
    report = export(studio, out)
    assert report.erased == [ada]
    examples = {one.id.split("-", 3)[3]: one for one in open_dataset(out)}
    assert set(examples) == {"speak-1", "speak-2", "ask-4"}
    after = examples["speak-1"].provenance.receipts
    assert (after["erased"], after["people"], len(after["audio_sha256"].split())) == (ada, bob, 1)
    assert len(list((out / "recordings").iterdir())) == 4
    assert json.loads((out / "manifest.json").read_text())["made_by"]["erased"] == [ada]
    assert audit_dataset(out).ok


def test_pixmo_columns_are_those_of_the_published_sets(studio: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(studio, out, format="pixmo")
    rows = {file.parent.name: pq.read_table(file).to_pylist() for file in out.rglob("*.parquet")}
    assert set(rows) == {"pixmo-cap", "pixmo-points", "pixmo-ask-model-anything"}
    assert list(rows["pixmo-cap"][0]) == ["image_url", "caption", "transcripts"]
    assert rows["pixmo-cap"][0]["transcripts"] == ["a house", "a red house"]
    there, absent = rows["pixmo-points"][:2]
    assert list(there) == ["image_url", "image_sha256", "points", "count", "label", "collection_method"]
    assert (there["points"], there["count"]) == ([{"x": 10.5, "y": 20.25}, {"x": 99.9, "y": 0.1}], 2)
    assert (absent["points"], absent["count"], absent["collection_method"]) == ([], 0, "pointing")
    assert sha256_file(out / there["image_url"]) == there["image_sha256"]
    assert SETS["pixmo-count"].names == ["image_url", "image_sha256", "count", "points", "label"]


@pytest.mark.parametrize("form", ["label-studio", "coco"])
def test_other_programs_get_what_can_be_read_back(studio: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    export(studio, out, format=form)
    first = contents(out)
    export(studio, out, format=form)
    assert contents(out) == first
    file = out / f"{form}.json"
    found = import_file(form, file, images=out, dataset="back", licence="x", made=Made.CLICKED, absent=0, config=None)
    assert not found.cases
    assert len(found.examples) == 4
    back = [item for one in found.examples for item in one.annotations]
    pointings = [item for item in back if isinstance(item, Pointing)]
    assert len(pointings) == 4
    for item in pointings:
        assert item.label == "blue & red"
        assert [(point.x, point.y) for point in item.points] == [(10.5, 20.25), (99.9, 0.1)]
    assert [item.label for item in back if isinstance(item, NotPresent)] == ['a <unicorn> & "foal"'] * 4
    if form == "label-studio":
        assert [item.text for item in back if isinstance(item, Transcript)] == ["a house", "a red house", "a tree"]
        assert [item.answers for item in back if isinstance(item, QuestionAnswer)] == [("Blocks.",)]
        assert "&lt;unicorn&gt;" in (out / "config.xml").read_text()


def test_what_a_database_cannot_keep_takes_nothing_with_it(database: Database, tmp_path: Path) -> None:
    """Names that are no text, NUL, halves of characters, numbers that are none; PostgreSQL refuses more of them."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own/a.png").write_bytes(picture(1))
    odd = os.fsencode(tmp_path / "own") + b"/\xff.png"
    Path(os.fsdecode(odd)).write_bytes(picture(2))
    rows = ['{"image": "a.png", "label": "\\ud800", "points": [{"x": 1, "y": 2}]}']
    rows += [
        '{"image": "a.png", "question": "a\\u0000b", "answer": "c"}',
        '{"image": "a.png", "label": "l", "points": [{"x": 3, "y": 4}]}',
    ]
    rows += ['{"image": "a.png", "label": "n", "points": [{"x": NaN, "y": 2}]}']
    (tmp_path / "rows.jsonl").write_text("\n".join(rows).replace("a.png", "own/a.png"))
    (tmp_path / "work").mkdir()
    number = make_project(database, "odd")
    given = ImportSettings(modes=("count_check", "qa_check"))
    found = pictures_of(str(tmp_path / "rows.jsonl"), tmp_path / "work", Columns())
    report = take_in(database, tmp_path / "work", number, found, given)
    assert report.tasks == {"count_check": 1, "qa_check": 0}
    assert len(report.refused) == 3
    folder = pictures_of(str(tmp_path / "own"), tmp_path / "work", Columns())
    assert take_in(database, tmp_path / "work", number, folder, ImportSettings(modes=("point",))).tasks == {"point": 2}


def test_both_databases_take_in_and_give_out(database: Database, tmp_path: Path) -> None:
    assert init_sample(tmp_path / "work", database).kept == 3
    with database.begin() as session:
        person = Person(name="Ada", role="annotator", created_at=0.0)
        session.add(person)
        session.flush()
        for task in session.scalars(select(Task).where(Task.mode == "point")).all():
            finish(session, task, person, {"label": "key", "points": [[1, 2]]})
    report = export_project(database, tmp_path / "work", NUMBER, tmp_path / "out", ExportSettings())
    assert report.examples == 3
    origin = open_dataset(tmp_path / "out")[0].provenance
    assert (origin.image, origin.licence) == ("program", "CC-BY-4.0 (picture: Apache-2.0)")


def test_votes_are_rows_of_the_arena(studio: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(9))
    for model in ("nano", "micro"):
        row = {"id": "q", "image": "a.png", "question": "What?", "text": model * 2, "category": "general"}
        (tmp_path / f"{model}.jsonl").write_text(json.dumps(row))
    files = [tmp_path / "nano.jsonl", tmp_path / "micro.jsonl"]
    with closing(database_of(studio)) as database:
        add_votes(database, studio, NUMBER, files, ImportSettings(modes=()))
        with database.begin() as session:
            task = session.scalars(select(Task).where(Task.mode == "vote")).one()
            for person, outcome in ((1, "a"), (2, "dont_know"), (3, "nonsense")):
                finish(session, task, session.get_one(Person, person), {"outcome": outcome})
            left = task.payload["answers"][0]
    assert export(studio, tmp_path / "out", format="votes").votes == 2
    rows = [json.loads(line) for line in (tmp_path / "out/votes.jsonl").read_text().splitlines()]
    assert [row["outcome"] for row in rows] == ["a", "dont_know"]
    assert {rows[0]["model_a"], rows[0]["model_b"]} == {"nano", "micro"}
    assert left == rows[0]["model_a"] * 2
    assert (rows[0]["length_a"], rows[0]["seconds"], rows[0]["category"]) == (len(left), 4.2, "general")
    assert rows[0]["voter"] != rows[1]["voter"]
    with pytest.raises(DataError, match="no finished work"):
        export(studio, tmp_path / "none", modes=("qa_check",))


# ------------------------------------------------------------------------------------------- receipts


def _digest(out: Path, text: str) -> str:
    for one in open_dataset(out):
        if any(getattr(item, "text", "") == text for item in one.annotations):
            return one.provenance.receipts["audio_sha256"].split()[0]
    raise AssertionError(text)


def _change_byte(out: Path, digest: str) -> None:
    file = out / f"recordings/{digest}.webm"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _remove(out: Path, digest: str) -> None:
    (out / f"recordings/{digest}.webm").unlink()


def _encode_again(out: Path, digest: str) -> None:
    (out / f"recordings/{digest}.webm").write_bytes(sound(pitch=500, form="ogg"))


def _card(**changes: str) -> Callable[[Path, str], None]:
    def change(out: Path, digest: str) -> None:
        file = out / f"recordings/{digest}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def _lose_card(out: Path, digest: str) -> None:
    (out / f"recordings/{digest}.json").unlink()


def test_a_receipt_that_does_not_hold_fails_by_name(studio: Path, tmp_path: Path) -> None:
    export(studio, tmp_path / "good")
    cases: list[tuple[Callable[[Path, str], None], str]] = [
        (_change_byte, "was changed or encoded again"),
        (_encode_again, "was changed or encoded again"),
        (_remove, "is not in"),
        (_lose_card, "has no card"),
        (_card(picture_sha256="0" * 64), "is about picture 000000000000..., not about"),
    ]
    for number, (spoil, said) in enumerate(cases):
        out = tmp_path / f"bad{number}"
        export(studio, out)
        spoil(out, _digest(out, "a tree"))
        report = audit_dataset(out)
        assert not report.ok
        assert len(report.receipts) == 1, report.receipts
        assert "-speak-2: " in report.receipts[0]
        assert said in report.receipts[0]
        assert report.recordings == 2 + (said.startswith("is about"))
        result = CliRunner().invoke(cli, ["data", "audit", str(out)])
        assert result.exit_code == 1
        assert "1 receipt that do" in result.output.replace("\n", " ")
    with closing(database_of(studio)) as database, database.begin() as session:
        session.execute(update(Recording).where(Recording.person_id == 3).values(milliseconds=61000))
    export(studio, tmp_path / "longer")
    (fault,) = audit_dataset(tmp_path / "longer").receipts
    assert "is 2.0 s long, the receipt says 61.0 s" in fault
    moved = tmp_path / "elsewhere"
    (tmp_path / "good/recordings").rename(moved)
    assert len(audit_dataset(tmp_path / "good").receipts) == 3
    assert audit_dataset(tmp_path / "good", recordings=moved).ok
