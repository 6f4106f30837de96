"""Pictures come into the studio: once, in the chosen order, from every kind of source."""

from __future__ import annotations

import contextlib
import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from speaking_mode import install, picture
from sqlalchemy import select

from faulty_server import LoopbackServer
from openmolmo.cli import cli
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.engine.download import public
from openmolmo.engine.download.lock import only_one
from openmolmo.engine.download.public import is_public
from openmolmo.engine.studio.importing.beginning import init_sample, make_project, project_called
from openmolmo.engine.studio.importing.descriptors import DESCRIPTORS
from openmolmo.engine.studio.importing.gold_file import add_gold
from openmolmo.engine.studio.importing.order import Candidate, arranged, farthest_first
from openmolmo.engine.studio.importing.report import ImportReport, ImportSettings
from openmolmo.engine.studio.importing.sources.addresses import Address, Fetching, fetched_pictures
from openmolmo.engine.studio.importing.sources.finding import Columns, pictures_of
from openmolmo.engine.studio.importing.taking_in import take_in
from openmolmo.engine.studio.importing.votes import Answered, read_answers, scheduled
from openmolmo.engine.studio.importing.voting import PAIRED, add_votes
from openmolmo.engine.studio.queue import GOLD_NEED
from openmolmo.engine.studio.sample import NAMES, SAMPLE, draw
from openmolmo.engine.studio.store.database import Database, upgrade
from openmolmo.engine.studio.store.tables import Event, Picture, Task
from openmolmo.pictures import open_image


@pytest.fixture(autouse=True)
def modes(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    (tmp_path / "studio").mkdir()
    return tmp_path / "studio"


@pytest.fixture
def opened(studio: Path) -> Iterator[Database]:
    with closing(upgrade(f"sqlite:///{studio / 'studio.sqlite'}")) as database:
        yield database


def bring(database: Database, studio: Path, source: object, **settings: object) -> ImportReport:
    number = make_project(database, "mine")
    columns = Columns(topic="topic" if str(source).endswith((".csv", ".parquet")) else None)
    given = ImportSettings(**{"modes": ("point",), **settings})  # type: ignore[arg-type]
    return take_in(database, studio, number, pictures_of(str(source), studio, columns), given)


def tasks(database: Database, mode: str = "point") -> list[tuple[str, str]]:
    """Source and topic of each task, in the order in which they are given out."""
    with database.begin() as session:
        rows = session.execute(
            select(Picture.source, Picture.topic)
            .join(Task, Task.picture_id == Picture.id)
            .where(Task.mode == mode)
            .order_by(Task.place)
        )
        return [(source, topic) for source, topic in rows]


def folder_of(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for topic, seeds in (("birds", range(4)), ("cups", range(4, 6)), ("dogs", range(6, 7))):
        (folder / topic).mkdir(parents=True)
        for seed in seeds:
            (folder / topic / f"{seed}.png").write_bytes(picture(seed))
    return folder


def test_a_folder_comes_in_once_and_one_bad_picture_takes_no_other(
    tmp_path: Path, studio: Path, opened: Database
) -> None:
    folder = folder_of(tmp_path)
    (folder / "birds/broken.jpg").write_bytes(picture(50)[:90])
    (folder / "birds/copy.png").write_bytes(picture(1))
    (folder / "cups/again.jpg").write_bytes(picture(2, form="JPEG"))
    (folder / "cups/scan.tif").write_bytes(picture(51, form="TIFF"))
    report = bring(opened, studio, folder, modes=("point", "speak"))
    assert (report.kept, report.twice, len(report.alike)) == (7, 1, 1), report
    assert [one.name for one in report.refused] == ["birds/broken.jpg", "cups/scan.tif"]
    assert "browsers do not show" in report.refused[1].reason
    assert report.alike[0].what == "looks like birds/2.png"
    assert report.tasks == Counter(point=7, speak=7)
    assert tasks(opened)[0] == ("birds/0.png", "birds")
    with opened.begin() as session:
        rows = {row.source: row for row in session.scalars(select(Picture))}
        assert rows["cups/again.jpg"].hidden_reason == "looks like birds/2.png"
        assert (studio / rows["birds/0.png"].path).read_bytes() == picture(0)
        assert (rows["birds/0.png"].width, rows["birds/0.png"].height) == (96, 72)
        assert {task.slots for task in session.scalars(select(Task))} == {2}

    again = bring(opened, studio, folder, modes=("point", "speak"))
    assert (again.kept, again.known, len(again.alike), +again.tasks) == (0, 8, 0, Counter())
    more = bring(opened, studio, folder, modes=("ask",), annotations=5)
    assert more.tasks == Counter(ask=7)


def test_an_import_that_was_cut_off_goes_on_and_ends_as_it_would_have(
    tmp_path: Path, studio: Path, opened: Database
) -> None:
    folder = folder_of(tmp_path)
    number = make_project(opened, "mine")

    def cut() -> Iterator[object]:
        found = pictures_of(str(folder), studio, Columns())
        yield from (next(found) for _ in range(3))
        raise KeyboardInterrupt

    settings = ImportSettings(modes=("point",), order="random", seed=3)
    with pytest.raises(KeyboardInterrupt):
        take_in(opened, studio, number, cut(), settings)  # type: ignore[arg-type]
    bring(opened, studio, folder, order="random", seed=3)
    cut_off = tasks(opened)
    other = tmp_path / "other"
    other.mkdir()
    with closing(upgrade(f"sqlite:///{other / 'studio.sqlite'}")) as whole:
        bring(whole, other, folder, order="random", seed=3)
        assert tasks(whole) == cut_off
        assert len(cut_off) == 7
        bring(whole, other, folder, modes=("ask",), order="random", seed=4)
        assert tasks(whole, "ask") != cut_off


def test_orders_are_balanced_over_topics_or_go_to_the_most_different(
    tmp_path: Path, studio: Path, opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path)
    bring(opened, studio, folder, order="balanced")
    topics = [topic for _, topic in tasks(opened)]
    assert Counter(topics[:3]) == Counter(birds=1, cups=1, dogs=1)
    assert Counter(topics[:5]) == Counter(birds=2, cups=2, dogs=1)
    waiting = [Candidate(id=n, sha256=str(n), topic="new" if n else "old") for n in range(3)]
    assert [one.topic for one in arranged(waiting, "balanced", seed=0, topics={"old": 9})][:2] == ["new", "new"]

    features = np.array([[0.0], [0.1], [5.0], [9.0], [5.2]], np.float32)
    assert farthest_first(features)[:3] == [2, 0, 3]
    assert farthest_first(features, settled=features[[0]])[0] == 3
    bring(opened, studio, folder, modes=("speak",), order="diverse")
    assert len(tasks(opened, "speak")) == 7
    # A descriptor of somebody else: what it finds far apart comes first.
    monkeypatch.setitem(
        DESCRIPTORS._local,
        "size",
        lambda word: lambda data: np.array([[len(word)], *[[0]] * 6][: len(data)], np.float32),
    )
    bring(opened, studio, folder, modes=("ask",), order="diverse", descriptor="size:far")
    assert tasks(opened, "ask")[1][0] == "birds/0.png"
    with pytest.raises(ConfigError, match="none of in-order"):
        ImportSettings(modes=(), order="best")  # type: ignore[arg-type]


def test_tables_data_sets_and_remote_stores_are_sources(tmp_path: Path, studio: Path, opened: Database) -> None:
    rows = [{"image": {"bytes": picture(n), "path": None}, "topic": "a" if n else None} for n in range(2)]
    pq.write_table(pa.Table.from_pylist([*rows, {"image": None, "topic": "b"}]), tmp_path / "set.parquet")
    report = bring(opened, studio, tmp_path / "set.parquet")
    assert (report.kept, [one.name for one in report.refused]) == (2, ["set.parquet row 2"])
    assert tasks(opened) == [("set.parquet row 0", ""), ("set.parquet row 1", "a")]

    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/cats/7.png", picture(7))
    memory.pipe("/bucket/notes.txt", b"no picture")
    assert bring(opened, studio, "memory://bucket").kept == 1
    assert tasks(opened)[-1] == ("memory://bucket/cats/7.png", "cats")
    for web in ("ftp://127.0.0.1/a.png", "zip://*.png::http://127.0.0.1/a.zip", "simplecache::HTTP://127.0.0.1/"):
        with pytest.raises(ConfigError, match="address of the web"):
            bring(opened, studio, web)
    with pytest.raises(DataError, match="does not exist"):
        bring(opened, studio, tmp_path / "nothing")

    # A data set: its annotations become what people check, and several rows of one picture come together.
    (tmp_path / "own").mkdir()
    (tmp_path / "own/a.png").write_bytes(picture(20))
    lines = [
        {"image": "a.png", "label": "cup", "points": [{"x": 1, "y": 2}]},
        {"image": "a.png", "question": "What?", "answer": "A cup."},
        {"image": "a.png", "question": "Where?", "answer": "Here."},
    ]
    (tmp_path / "own/rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = bring(opened, studio, tmp_path / "own", modes=("count_check", "qa_check", "point"))
    assert found.tasks == Counter(count_check=1, qa_check=2, point=1)
    assert +bring(opened, studio, tmp_path / "own", modes=("count_check", "qa_check")).tasks == Counter()
    assert bring(opened, studio, tmp_path / "set.parquet", modes=("qa_check",)).nothing_to_check == Counter(qa_check=2)
    with opened.begin() as session:
        payload = session.scalars(select(Task.payload).where(Task.mode == "count_check")).one()
    assert payload == {"label": "cup", "points": [{"x": 1.0, "y": 2.0}], "made": ["unknown"]}


def test_addresses_go_through_the_downloader_and_never_into_a_private_network(
    tmp_path: Path, studio: Path, opened: Database
) -> None:
    with LoopbackServer() as server:
        urls = [server.url("ok", 1), server.url("404", 2), server.url("html", 3)]
        table = tmp_path / "list.csv"
        table.write_text("url,topic\n" + "".join(f"{url},t\n" for url in urls))
        refused = bring(opened, studio, table)
        assert (refused.kept, len(refused.refused)) == (0, 3)
        assert all("private network" in one.what for one in refused.refused), refused
        fetched = list(
            fetched_pictures([Address(url=url) for url in urls], tmp_path, Fetching(private=True, backoff=0.01))
        )
        assert [type(one).__name__ for one in fetched] == ["Found", "Refused", "Refused"]
        assert "gone" in fetched[1].reason  # type: ignore[union-attr]


def test_no_redirect_and_no_name_that_changes_leads_inside(
    tmp_path: Path, studio: Path, opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, answers = socket.getaddrinfo, iter(["93.184.216.34"])

    def changing(host: str, *more: Any, **others: Any) -> Any:
        return real(next(answers, "127.0.0.1") if host == "changes.example" else host, *more, **others)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    with LoopbackServer() as server:
        table = tmp_path / "list.csv"
        assert is_public(str(socket.getaddrinfo("changes.example", 80)[0][4][0])), "who looks before sees a public one"
        table.write_text(f"url,topic\nhttp://changes.example:{server.ports[0]}/ok/1.jpg,t\n")
        changed = bring(opened, studio, table)
        assert [one.what for one in changed.refused] == ["leads to an address of a private network"]
        assert not server.requests
        # As if the first address were public: the one that it redirects to is still not asked.
        monkeypatch.setattr(public, "is_public", lambda address: address == "127.0.0.1")
        table.write_text(f"url,topic\n{server.url('ok', 1)},t\n{server.url('inwards', 2)},t\n")
        redirected = bring(opened, studio, table)
        assert redirected.kept == 1
        assert [(one.name, one.what) for one in redirected.refused] == [
            (server.url("inwards", 2), "leads to an address of a private network")
        ]
        assert server.requests["/ok/2.jpg"] == 0


def test_a_picture_is_what_its_bytes_say(tmp_path: Path, studio: Path, opened: Database) -> None:
    folder = tmp_path / "lies"
    folder.mkdir()
    page = b"<html><script>alert(1)</script></html>"
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    lies = {"png.jpg": picture(1), "page.png": page, "drawing.jpg": drawing, "gif.gif": b"GIF89a/*" + page}
    for name, data in lies.items():
        (folder / name).write_bytes(data)
    report = bring(opened, studio, folder)
    assert report.kept == 1
    assert sorted(one.name for one in report.refused) == ["drawing.jpg", "gif.gif", "page.png"]
    with opened.read() as session:
        (row,) = session.scalars(select(Picture))
        assert (row.media_type, Path(row.path).suffix) == ("image/png", ".png"), "by content, whatever its name says"
        assert not [one for one in studio.rglob("*.jpg") if one.is_file()]


def test_votes_are_scheduled_in_balance_and_hide_the_models(tmp_path: Path, studio: Path, opened: Database) -> None:
    questions = [
        Answered(
            question_id=str(n),
            image="a.png",
            question="What?",
            category="ab"[n % 2],
            answers={model: f"{model} says {n}" for model in ("x", "y", "z")},
        )
        for n in range(8)
    ]
    pairs = scheduled(questions, seed=1)
    assert len(pairs) == 24 == len({(one.question.question_id, frozenset(one.models)) for one in pairs})
    for length in range(1, 25):
        counts = Counter(frozenset(one.models) for one in pairs[:length])
        assert max(counts.values()) - (min(counts.values()) if len(counts) == 3 else 0) <= 1
    one_pair = [one for one in pairs if set(one.models) == {"x", "y"}]
    assert Counter(one.models for one in one_pair) == Counter({("x", "y"): 4, ("y", "x"): 4})
    assert {one.question.category for one in one_pair[:2]} == {"a", "b"}
    assert scheduled(questions, seed=1, most=5) == pairs[:5]

    (tmp_path / "a.png").write_bytes(picture(1))
    for model in ("nano", "micro"):
        rows = [
            {"id": str(n), "image": "a.png", "question": "What?", "text": f"{model} {n}", "category": "general"}
            for n in range(3)
        ]
        (tmp_path / f"{model}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    files = [tmp_path / "nano.jsonl", tmp_path / "micro.jsonl"]
    number = make_project(opened, "mine")
    first = add_votes(opened, studio, number, files, ImportSettings(modes=(), annotations=3), most=2)
    rest = add_votes(opened, studio, number, files, ImportSettings(modes=(), annotations=3))
    assert (first.tasks["vote"], rest.tasks["vote"], rest.kept) == (2, 1, 0)
    with opened.begin() as session:
        for task in session.scalars(select(Task).where(Task.mode == "vote")):
            shown = json.dumps(task.payload)
            event = session.scalars(select(Event).where(Event.kind == PAIRED, Event.subject_id == task.id)).one()
            models = event.after["models"]
            assert [text.split()[0] for text in task.payload["answers"]] == models
            assert set(task.payload) == {"question_id", "question", "answers", "category"}
            assert "model" not in shown
            assert task.need == 3
    (tmp_path / "one.jsonl").write_text('{"id": "1", "image": "a.png", "question": "Else?", "answer": "x"}')
    with pytest.raises(DataError, match="another line 'What\\?'"):
        add_votes(opened, studio, number, [*files, tmp_path / "one.jsonl"], ImportSettings(modes=()))


def test_gold_tasks_and_the_sample(tmp_path: Path, studio: Path, opened: Database) -> None:
    first = init_sample(studio, opened)
    assert first.tasks == Counter(speak=3, point=3, ask=3, explain=3, count_check=3, qa_check=3)
    assert +init_sample(studio, opened).tasks == Counter()
    number = project_called(opened, None)
    row = {"picture": "fish.jpg", "mode": "point", "answer": {"groups": [{"label": "fish"}]}}
    (tmp_path / "gold.jsonl").write_text(json.dumps(row))
    assert add_gold(opened, number, tmp_path / "gold.jsonl") == Counter(point=1)
    assert add_gold(opened, number, tmp_path / "gold.jsonl") == Counter()
    with opened.begin() as session:
        gold = session.scalars(select(Task).where(Task.gold.is_not(None))).one()
        assert (gold.need, gold.gold) == (GOLD_NEED, row["answer"])
    (tmp_path / "gold.jsonl").write_text(f"{json.dumps(row)}\n" + json.dumps({**row, "picture": "cow.jpg"}))
    with pytest.raises(DataError, match=r"'cow.jpg': the project has no such picture .*row 2"):
        add_gold(opened, number, tmp_path / "gold.jsonl")
    with pytest.raises(ConfigError, match="there is no project 'other'; the studio has: sample"):
        project_called(opened, "other")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(["id", "question_id", "image", "question", "answer", "model", "category", "picture", "mode"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.dictionaries(KEYS, VALUES, max_size=8), max_size=3), junk=st.text(max_size=20))
def test_files_of_any_content_are_read_or_refused_with_a_sentence(
    tmp_path: Path, opened: Database, rows: list[dict[str, object]], junk: str
) -> None:
    text = "\n".join([*map(json.dumps, rows), junk])
    (tmp_path / "any.jsonl").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(DataError, match=r"any\.jsonl"):  # no two models answer one question here
        read_answers([tmp_path / "any.jsonl"])
    number = make_project(opened, "mine")
    with contextlib.suppress(DataError):
        assert not add_gold(opened, number, tmp_path / "any.jsonl")


def test_the_sample_is_what_the_generator_draws(tmp_path: Path) -> None:
    draw(tmp_path)
    assert (tmp_path / SAMPLE.name).read_bytes() == SAMPLE.read_bytes()
    for name in NAMES:
        drawn, kept = open_image(tmp_path / name).astype(int), open_image(SAMPLE.parent / name).astype(int)
        assert np.abs(drawn - kept).mean() < 1  # another encoder may round otherwise
    assert sum(file.stat().st_size for file in SAMPLE.parent.iterdir() if file.is_file()) < 100_000


def test_the_commands_say_what_they_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path)
    (tmp_path / "pictures/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    run = CliRunner().invoke
    assert run(cli, ["studio", "init", "--project", "mine"]).exit_code == 0
    words = ["studio", "import", "pictures", "--modes", "point,speak", "--order", "balanced", "--why", "why.jsonl"]
    result = run(cli, words)
    assert result.exit_code == 0, result.output
    assert "pictures taken in" in result.output
    assert json.loads((tmp_path / "why.jsonl").read_text())["name"] == "broken.png"
    told = json.loads(run(cli, [*words, "--json"]).stdout)
    assert (told["kept"], told["known"]) == (0, 7)
    nothing = run(cli, ["studio", "import"])
    assert nothing.exit_code == 2
    assert "name a SOURCE" in nothing.output
    with only_one(tmp_path / "studio", "import"):
        assert "another import into studio is running" in str(run(cli, words).exception)
