"""A download against a server with every fault: right classes, nothing false kept, nothing fetched twice."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from faulty_server import FAULTS, LoopbackServer, picture
from openmolmo.core.errors import DataError, ImageError, RunError
from openmolmo.core.files import sha256_bytes
from openmolmo.engine.download import ImageStore, State, StatusDatabase
from openmolmo.engine.download.client import Timeouts
from openmolmo.engine.download.commands import download as command
from openmolmo.engine.download.driver import Settings, Summary, download
from openmolmo.engine.download.lock import only_one
from openmolmo.engine.download.report import report
from openmolmo.engine.download.tables import Columns, add_set
from openmolmo.engine.download.verify import Limits

LIMITS = Limits(bytes=2**20)
QUICK = Settings(timeouts=Timeouts(connect=2, read=1.5, total=4), backoff=0.05, tries=2)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(hosts=3, limit=LIMITS.bytes) as running:
        yield running


def table(path: Path, rows: list[tuple[str, str | None, str]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["url", "sha256", "label"])
        writer.writerows(rows)
    return path


def fetch(out: Path, rows: Path, settings: Settings = QUICK, retry: tuple[State, ...] = ()) -> Summary:
    with StatusDatabase(out) as database:
        add_set(database, "set", [rows], Columns(labels=("label",)))
        database.plan([State.TRANSIENT, *retry], tries=settings.tries)
        return download(database, ImageStore(out, limits=LIMITS), settings)


def states(out: Path) -> dict[str, State]:
    with StatusDatabase(out) as database:
        return {url: State(state) for url, state in database.db.execute("SELECT url, state FROM urls")}


def test_every_fault_ends_in_its_class_and_a_rerun_tries_only_what_may_be_retried(
    server: LoopbackServer, tmp_path: Path
) -> None:
    faults = [*FAULTS, *["ok"] * 30, *["busy"] * 60]
    urls = {}
    for number, fault in enumerate(faults):
        host = {"busy": 1, "hang": 2, "drip": 2}.get(fault, 0)
        urls[server.url(fault, number, host)] = (fault, sha256_bytes(picture(number)))
    rows = table(tmp_path / "set.csv", [(url, digest, fault) for url, (fault, digest) in urls.items()])
    out = tmp_path / "out"
    first = replace(QUICK, timeouts=Timeouts(connect=2, read=1, total=2.5))
    once = replace(first, tries=1)  # most of this test is waiting for hosts that hang
    fetch(out, rows, first)
    found = states(out)
    assert {url: FAULTS[fault] for url, (fault, _) in urls.items()} == found

    store = ImageStore(out)
    for url, (fault, digest) in urls.items():
        path = store.path(url)
        assert (path is not None) == (FAULTS[fault] is State.OK), fault
        if path is not None:
            assert sha256_bytes(path.read_bytes()) == digest == store.sha256(url)
    kept = {path.name for path in (out / "images").rglob("*") if path.is_file()}
    assert kept == {f"{digest}.jpg" for fault, digest in urls.values() if FAULTS[fault] is State.OK}

    server.requests.clear()
    fetch(out, rows, once)
    again = {path.split("/")[1] for path in server.requests}
    assert again == {fault for fault, state in FAULTS.items() if state is State.TRANSIENT}
    server.requests.clear()
    fetch(out, rows, once, retry=(State.GONE,))
    again = {path.split("/")[1] for path in server.requests}
    assert again == {fault for fault, state in FAULTS.items() if state in (State.TRANSIENT, State.GONE)}


def test_the_account_says_what_is_lost_and_how_labels_moved(server: LoopbackServer, tmp_path: Path) -> None:
    rows = [(server.url("ok", n), None, "cat") for n in range(6)] + [
        (server.url("404", n), None, "dog") for n in (1, 2)
    ]
    rows += [(server.url("ok", 0), None, "cat"), (server.url("403", 3), None, "cat")]
    fetch(tmp_path / "out", table(tmp_path / "set.csv", rows))
    with StatusDatabase(tmp_path / "out") as database:
        (one,) = report(database)
    assert (one.rows, one.images, one.alive_rows, one.alive_images, one.files) == (10, 9, 7, 6, 6)
    assert one.reasons == {State.OK: (6, 7), State.GONE: (2, 2), State.FORBIDDEN: (1, 1)}
    (shift,) = one.labels
    assert (shift.column, shift.values, shift.lost) == ("label", 2, 1)
    assert shift.moved == pytest.approx(0.2)  # dogs were a fifth of the rows and are none of them now
    assert {value: (before, after) for value, before, after in shift.most}["dog"] == (0.2, 0.0)
    shown = CliRunner().invoke(command, ["report", str(tmp_path / "out")])
    assert "70.0% of the rows" in shown.stdout and "forbidden" in shown.stdout
    values = json.loads(CliRunner().invoke(command, ["report", str(tmp_path / "out"), "--json"]).stdout)
    assert values[0]["reasons"]["gone"] == {"images": 2, "rows": 2}


def test_killed_in_the_middle_loses_only_what_is_in_flight(server: LoopbackServer, tmp_path: Path) -> None:
    server.delay = 0.05
    rows = table(tmp_path / "set.csv", [(server.url("ok", n, n % 2), None, "") for n in range(300)])
    words = ["download", str(rows), "--out", str(tmp_path / "out"), "--per-host", "4"]
    code = "from openmolmo.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while sum(server.requests.values()) < 60 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    asked = sum(server.requests.values())
    done = [url for url, state in states(tmp_path / "out").items() if state is State.OK]
    assert 0 < len(done) < 300
    assert asked - len(done) <= 8  # 2 hosts, 4 requests at a time

    server.delay = 0.0
    server.requests.clear()
    fetch(tmp_path / "out", rows)
    assert set(states(tmp_path / "out").values()) == {State.OK}
    assert sum(server.requests.values()) == 300 - len(done)


def test_folders_and_mirrors_come_first_and_are_not_trusted(server: LoopbackServer, tmp_path: Path) -> None:
    here = tmp_path / "mine"
    here.mkdir()
    digests = [sha256_bytes(picture(number)) for number in range(3)]
    (here / f"{digests[0]}.jpg").write_bytes(picture(0))
    (here / f"{digests[1]}.jpg").write_bytes(b"<html>not found</html>")
    urls = [server.url("404", 0), server.url("ok", 1), server.url("404", 2)]
    rows = table(tmp_path / "set.csv", [(url, digest, "") for url, digest in zip(urls, digests, strict=True)])
    mirror = f"http://127.0.0.1:{server.ports[1]}/ok/2.jpg?{{sha256}}"
    fetch(tmp_path / "out", rows, Settings(mirrors=(str(here), mirror)))
    assert states(tmp_path / "out") == dict.fromkeys(urls, State.OK)
    assert not any(path.startswith("/404") for path in server.requests)
    assert [ImageStore(tmp_path / "out").sha256(url) for url in urls] == digests


def test_robots_are_asked_when_told_to(server: LoopbackServer, tmp_path: Path) -> None:
    url = server.url("private", 0)
    rows = table(tmp_path / "set.csv", [(url, None, ""), (server.url("ok", 0), None, "")])
    fetch(tmp_path / "out", rows, Settings(robots=True))
    assert states(tmp_path / "out") == {url: State.OPTED_OUT, server.url("ok", 0): State.OK}
    assert server.requests["/robots.txt"] == 1
    fetch(tmp_path / "out", rows, QUICK, retry=(State.OPTED_OUT,))
    assert states(tmp_path / "out")[url] is State.OK


def test_a_dead_host_is_left_to_a_later_run(tmp_path: Path) -> None:
    with LoopbackServer() as server:
        urls = [server.url("ok", number) for number in range(200)]
    rows = table(tmp_path / "set.csv", [(url, None, "") for url in urls])
    summary = fetch(tmp_path / "out", rows, Settings(silences=10, backoff=0.01))
    assert list(summary.left.values()) and sum(summary.results.values()) < 60
    assert set(states(tmp_path / "out").values()) == {State.TRANSIENT}


def test_a_hash_that_becomes_known_unmasks_a_changed_picture(server: LoopbackServer, tmp_path: Path) -> None:
    url, out = server.url("ok", 5), tmp_path / "out"
    fetch(out, table(tmp_path / "a.csv", [(url, None, "")]))
    assert ImageStore(out).path(url) is not None
    with StatusDatabase(out) as database:
        add_set(database, "hashed", [table(tmp_path / "b.csv", [(url, "0" * 64, "")])], Columns())
    assert ImageStore(out).path(url) is None
    assert states(out) == {url: State.HASH_DIFFERS}


def test_put_takes_whole_pictures_only(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    digest = store.put("http://a/b.jpg", picture(1))
    path = store.path("http://a/b.jpg")
    assert path is not None and path.name == f"{digest}.jpg"
    with pytest.raises(ImageError, match="starts with"):
        store.put("http://a/c.jpg", b"<html></html>")
    assert store.path("http://a/c.jpg") is None
    path.write_bytes(path.read_bytes()[:-3])  # a power cut
    assert store.path("http://a/b.jpg") is None


def test_files_end_as_their_content_says_and_older_ones_are_found(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    stream = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(stream, "PNG")
    digest = store.put("http://a/photo.jpg", stream.getvalue())
    path = store.path("http://a/photo.jpg")
    assert path == tmp_path / "images" / digest[:2] / f"{digest}.png" and store.holds(path)
    path.rename(path.with_suffix(""))  # as earlier versions kept it
    assert store.path("http://a/photo.jpg") == path.with_suffix("") and store.holds(path.with_suffix(""))
    assert store.put("http://b/again.png", stream.getvalue()) == digest == store.sha256("http://b/again.png")
    assert [one.name for one in path.parent.iterdir()] == [digest]  # not kept twice
    assert not store.holds(tmp_path / "elsewhere.png")


def test_list_says_what_became_of_each_address_and_a_shared_file_is_named(
    server: LoopbackServer, tmp_path: Path
) -> None:
    here = tmp_path / "mine"
    (here / "images.example").mkdir(parents=True)
    for number in range(4):  # a host that answers every address with one and the same placeholder
        (here / "images.example" / f"{number}.jpg").write_bytes(picture(99))
    placeholders = [f"http://images.example/{number}.jpg" for number in range(4)]
    rows = [
        (url, None, "") for url in (server.url("ok", 1), server.url("404", 2), server.url("html", 3), *placeholders)
    ]
    out = tmp_path / "out"
    fetch(out, table(tmp_path / "set.csv", rows), replace(QUICK, mirrors=(str(here),)))

    lines = CliRunner().invoke(command, ["list", str(out)]).stdout.splitlines()
    first, gone, page, *others = (line.split("\t") for line in lines)
    digest = sha256_bytes(picture(1))
    assert first == ["ok", f"images/{digest[:2]}/{digest}.jpg", server.url("ok", 1)]
    assert (out / first[1]).read_bytes() == picture(1)
    assert gone[:3] == ["gone", "-", server.url("404", 2)] and "404" in gone[3]
    assert page[0] == "not-an-image" and "starts with" in page[3]
    shared = sha256_bytes(picture(99))
    assert {line[1] for line in others} == {f"images/{shared[:2]}/{shared}.jpg"} and len(others) == 4

    values = [
        json.loads(line) for line in CliRunner().invoke(command, ["list", str(out), "--json"]).stdout.splitlines()
    ]
    assert [value["url"] for value in values] == [url for url, _, _ in rows]
    only = CliRunner().invoke(command, ["list", str(out), "--state", "gone,ok"]).stdout
    assert len(only.splitlines()) == 6
    assert CliRunner().invoke(command, ["list", str(out), "--state", "lost"]).exit_code == 2
    assert CliRunner().invoke(command, ["list", str(tmp_path / "none")]).exit_code == 2

    with StatusDatabase(out) as database:
        (one,) = report(database)
    assert (one.images, one.files) == (7, 2)
    (found,) = one.shared
    assert (found.sha256, found.urls, found.hosts) == (shared, 4, 1)
    said = CliRunner().invoke(command, ["report", str(out)])
    assert "4 addresses (1 host) gave one and the same file" in said.stderr + said.stdout

    (out / first[1]).unlink()
    assert "not there any more" in CliRunner().invoke(command, ["list", str(out), "--state", "ok"]).stdout


def test_one_download_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(RunError, match="another download"), only_one(tmp_path):
        pass


def test_a_published_set_is_read_from_the_cache_of_the_hub(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    arguments = ["pixmo-count", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, DataError) and "--rows FOLDER" in str(result.exception)
    assert not (tmp_path / "out").exists()

    url = server.url("ok", 1)
    rows = {"image_url": [url], "image_sha256": [sha256_bytes(picture(1))], "label": ["cup"], "count": [2]}
    place = tmp_path / "hub" / "datasets--allenai--pixmo-count"
    commit = "0" * 40
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    (place / "snapshots" / commit / "data").mkdir(parents=True)
    pq.write_table(pa.table(rows), place / "snapshots" / commit / "data" / "train-00000-of-00001.parquet")
    assert CliRunner().invoke(command, arguments, catch_exceptions=False).exit_code == 0
    assert states(tmp_path / "out") == {url: State.OK}


def test_what_is_wrong_with_a_table_is_said(tmp_path: Path) -> None:
    bad = table(tmp_path / "bad.csv", [("http://a/b.jpg", "abc", "")])
    with StatusDatabase(tmp_path / "out") as database:
        with pytest.raises(DataError, match="'abc' is no SHA-256"):
            add_set(database, "bad", [bad], Columns())
        with pytest.raises(DataError, match="no column 'link'"):
            add_set(database, "bad", [bad], Columns(url="link"))
        assert not database.counts()
    result = CliRunner().invoke(command, ["pixmo-pionts", "--out", str(tmp_path / "new")])
    assert result.exit_code == 2 and "pixmo-points" in result.output
    result = CliRunner().invoke(command, [str(bad), "--out", str(tmp_path / "new"), "--retry", "lost"])
    assert result.exit_code == 2 and "'lost' is none of" in result.output
    result = CliRunner().invoke(command, [str(bad), "--out", str(tmp_path / "new"), "--url-column", "link"])
    assert isinstance(result.exception, DataError)
    assert not (tmp_path / "new").exists()
