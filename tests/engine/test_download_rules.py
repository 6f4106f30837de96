"""The small rules of the download: robots.txt, the pace of a host, mirrors, and the plan in the database."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import heapq
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faulty_server import picture
from openmolmo.core.errors import ConfigError, DataError, RunError
from openmolmo.core.files import sha256_bytes
from openmolmo.engine.download import ImageStore
from openmolmo.engine.download.database import StatusDatabase, host_of
from openmolmo.engine.download.driver import Settings, download
from openmolmo.engine.download.listing import fates, shared_files
from openmolmo.engine.download.nearby import candidates, check_mirrors, mirror_urls
from openmolmo.engine.download.pace import Pace, retry_after_seconds
from openmolmo.engine.download.report import report
from openmolmo.engine.download.robots import Robots
from openmolmo.engine.download.states import FetchFailed, State
from openmolmo.engine.download.tables import Columns, add_set
from openmolmo.engine.download.verify import Verdict

# ----------------------------------------------------------------------------------------- robots.txt


class Site:
    """Stands for the client: gives one robots.txt, or fails; counts how often it was asked."""

    def __init__(self, *answers: str | FetchFailed) -> None:
        self.answers, self.asked = list(answers), []

    async def text(self, url: str) -> str:
        self.asked.append(url)
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, FetchFailed):
            raise answer
        return answer


def allowed(site: Site, *urls: str) -> list[bool]:
    async def ask() -> list[bool]:
        robots = Robots(site)  # type: ignore[arg-type]
        found = await asyncio.gather(*(robots.check(url) for url in urls), return_exceptions=True)
        assert all(one is None or isinstance(one, FetchFailed) for one in found), found
        return [one is None for one in found]

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("rules", "fits"),
    [
        ("User-agent: *\nDisallow: /private/", [True, False]),
        ("User-agent: openmolmo\nDisallow: /", [False, False]),
        ("User-agent: OpenMolmo\nDisallow: /private", [True, False]),
        ("User-agent: otherbot\nDisallow: /", [True, True]),
        ("User-agent: *\nDisallow: /\n\nUser-agent: openmolmo\nDisallow:", [True, True]),
        ("# nothing but a remark", [True, True]),
        ("<html>a page that is no robots.txt</html>", [True, True]),
        ("\ufeffUser-agent: *\nDisallow: /private/", [True, False]),
        ("User-agent: *\r\nDisallow: /private/\r\n", [True, False]),
        ("", [True, True]),
    ],
)
def test_robots_rules_are_those_of_this_program_or_of_all(rules: str, fits: list[bool]) -> None:
    assert allowed(Site(rules), "http://x.org/a.jpg", "http://x.org/private/a.jpg") == fits


def test_robots_are_asked_once_a_host_however_many_pictures_are_wanted_at_once() -> None:
    site = Site("User-agent: *\nAllow: /")
    urls = [f"http://x.org/{n}.jpg" for n in range(50)] + ["https://x.org/a.jpg", "http://x.org:8080/a.jpg"]
    assert all(allowed(site, *urls))
    assert sorted(site.asked) == [
        "http://x.org/robots.txt",
        "http://x.org:8080/robots.txt",
        "https://x.org/robots.txt",
    ]


@pytest.mark.parametrize("state", [State.GONE, State.FORBIDDEN])
def test_a_host_without_robots_permits_everything(state: State) -> None:
    assert allowed(Site(FetchFailed(state, "HTTP 4xx", status=404)), "http://x.org/a.jpg") == [True]


def test_while_robots_cannot_be_had_nothing_is_fetched_and_the_next_one_asks_again() -> None:
    site = Site(FetchFailed(State.TRANSIENT, "HTTP 503", status=503, retry_after=7.0), "User-agent: *\nDisallow: /b")

    async def ask() -> FetchFailed:
        robots = Robots(site)  # type: ignore[arg-type]
        with pytest.raises(FetchFailed) as caught:
            await robots.check("http://x.org/a.jpg")
        await robots.check("http://x.org/a.jpg")
        with pytest.raises(FetchFailed, match="asks not to fetch"):
            await robots.check("http://x.org/b.jpg")
        return caught.value

    failure = asyncio.run(ask())
    assert (failure.state, failure.retry_after) == (State.TRANSIENT, 7.0)
    assert failure.detail == "robots.txt: HTTP 503" and len(site.asked) == 2


# ------------------------------------------------------------------------------------- pace of a host


def simulate(pace: Pace, *, rate: float, seconds: float, latency: float = 0.1) -> tuple[int, int]:
    """A host that answers ``rate`` requests a second and says 429 to the rest; a clock that only this moves.

    Returns how many were answered and how many refused.
    """
    now, tokens, good, bad = 0.0, rate, 0, 0
    flying: list[tuple[float, float, bool]] = []
    while now < seconds:
        wait = pace.wait(now)
        if wait == 0 and pace.in_flight < pace.allowed:
            pace.start(now)
            heapq.heappush(flying, (now + latency, now, tokens >= 1))
            tokens = max(0.0, tokens - 1)
            continue
        events = [now + max(wait, 1e-6)] * (wait > 0) + [end for end, *_ in flying[:1]]
        until = min(events)
        tokens, now = min(rate, tokens + rate * (until - now)), until
        while flying and flying[0][0] <= now:
            _, started, fine = heapq.heappop(flying)
            pace.in_flight -= 1
            good, bad = good + fine, bad + (not fine)
            if fine:
                pace.answered()
            else:
                pace.limited(now, started, None)
    return good, bad


def test_a_host_that_takes_everything_is_asked_at_full_width() -> None:
    good, bad = simulate(Pace(4), rate=1e9, seconds=10)
    assert bad == 0 and good == pytest.approx(4 * 10 / 0.1, rel=0.05)


def test_a_host_with_a_limit_is_used_well_and_rarely_refuses() -> None:
    good, bad = simulate(Pace(16), rate=20, seconds=300)
    assert good > 0.35 * 20 * 300  # measured: 43 % of what the host would give, 1 refusal to 8 answers
    assert bad < 0.2 * good


@given(st.lists(st.sampled_from(["answer", "limit", "silence"]), max_size=200), st.integers(1, 32))
def test_whatever_a_host_says_the_pace_stays_within_its_bounds(events: list[str], most: int) -> None:
    pace, now = Pace(most), 0.0
    for event in events:
        now += 1.0
        if event == "answer":
            pace.answered()
            assert pace.strikes == pace.silences == 0
        elif event == "limit":
            before, at_once = pace.interval, pace.allowed
            pace.limited(now, now, 0.5)
            assert pace.interval > before or pace.interval == 60.0
            assert pace.allowed == max(1, at_once // 2)
            assert pace.wait(now) >= 0.5 and pace.silences == 0
        else:
            pace.silent()
        assert 1 <= pace.allowed <= most and 0 <= pace.interval <= 60 and pace.wait(now) >= 0


def test_waiting_twice_as_long_after_each_refusal_in_a_row() -> None:
    pace, waits = Pace(8), []
    for now in (0.0, 100.0, 200.0, 300.0):
        pace.limited(now, now, None)
        waits.append(pace.wait(now))
    assert waits == [2.0, 4.0, 8.0, 16.0]
    pace.answered()
    pace.limited(400.0, 400.0, None)
    assert pace.wait(400.0) == 2.0


def test_a_shorter_wish_does_not_undo_a_longer_one() -> None:
    pace = Pace(4)
    pace.limited(0.0, 0.0, 120.0)
    pace.limited(1.0, 0.0, 1.0)
    assert pace.wait(1.0) == 119.0


@given(st.text(max_size=40) | st.integers().map(str))
def test_any_retry_after_is_a_time_or_nothing(text: str) -> None:
    found = retry_after_seconds(text, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    assert found is None or found >= 0


@pytest.mark.parametrize(
    "text", ["Thu, 01 Jan 99999999999 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:00 +99999999999999", "-5", "1.5", " "]
)
def test_impossible_dates_say_nothing(text: str) -> None:
    assert retry_after_seconds(text) is None


# ---------------------------------------------------------------------------------- folders and mirrors

URL = "http://Pics.example:81/cats/one%20two.jpg?size=3"


def test_files_are_looked_for_by_hash_by_path_and_by_name_only_where_proved(tmp_path: Path) -> None:
    digest, of_url = "ab" * 32, hashlib.sha256(URL.encode()).hexdigest()
    places = [
        tmp_path / f"{digest}.png",
        tmp_path / "ab" / digest,
        tmp_path / of_url[:2] / f"{of_url}.jpg",
        tmp_path / "Pics.example:81" / "cats" / "one two.jpg",
        tmp_path / "one two.jpg",
    ]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
    assert set(candidates(tmp_path, URL, digest)) == set(places)
    assert set(candidates(tmp_path, URL, None)) == set(places[2:4])


@pytest.mark.parametrize(
    "url",
    [
        "http://x/../../etc/passwd",
        "http://x/%2e%2e/%2e%2e/etc/passwd",
        "http://x/a%00b.jpg",
        "http://[broken/a.jpg",
        f"http://x/{'long' * 100}.jpg",
        "http://x/",
        "",
    ],
)
def test_addresses_that_mean_harm_or_nothing_find_no_file(tmp_path: Path, url: str) -> None:
    (tmp_path / "folder" / "x").mkdir(parents=True)
    assert list(candidates(tmp_path / "folder", url, None)) == []
    assert all(isinstance(one, str) for one in mirror_urls(("http://m/{url_sha256}",), url, None))


def test_fields_of_mirrors_are_filled_and_need_what_they_name() -> None:
    mirrors = ("http://m/{sha256}", "https://m/?u={url}", "http://m/{host}/{path}", "/a/folder")
    with_hash = list(mirror_urls(mirrors, URL, "ab" * 32))
    assert with_hash == [
        f"http://m/{'ab' * 32}",
        "https://m/?u=http%3A%2F%2FPics.example%3A81%2Fcats%2Fone%2520two.jpg%3Fsize%3D3",
        "http://m/Pics.example:81/cats/one%20two.jpg?size=3",
    ]
    assert list(mirror_urls(mirrors, URL, None)) == with_hash[1:]


def test_mirrors_that_cannot_work_are_refused(tmp_path: Path) -> None:
    check_mirrors((str(tmp_path), "http://m/{path}"))
    with pytest.raises(ConfigError, match="says nothing of the picture"):
        check_mirrors(("http://m/pictures",))
    with pytest.raises(ConfigError, match="neither a folder nor an http address"):
        Settings(mirrors=(str(tmp_path / "absent"),))
    for name in ("connections", "per_host", "hosts", "threads", "tries"):
        with pytest.raises(ConfigError, match=f"{name}=0 must be at least 1"):
            Settings(**{name: 0})  # type: ignore[arg-type]


def test_an_address_that_is_none_ends_alone_and_the_others_are_taken_from_the_folder(tmp_path: Path) -> None:
    """One broken line of a set must not end the run of all others."""
    good = "http://x.invalid/a.jpg"
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / f"{hashlib.sha256(good.encode()).hexdigest()}.jpg").write_bytes(picture(1))
    bad = ["http://[broken/a.jpg", f"ftp://x/{'long' * 99}.jpg", "no address"]
    (folder / "x").mkdir()
    with StatusDatabase(tmp_path / "out") as database:
        for url in (*bad, good):
            database.job(url)
        database.plan([], tries=1)
        summary = download(database, ImageStore(tmp_path / "out"), Settings(mirrors=(str(folder),)))
        found = {fate.url: fate for fate in fates(database)}
    assert summary.images == 1 and found[good].state is State.OK
    assert {found[url].state for url in bad} == {State.GONE}
    assert found[good].why.startswith("file ") and found[good].file is not None


# ------------------------------------------------------------------------------------------- database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[StatusDatabase]:
    with StatusDatabase(tmp_path) as opened:
        yield opened


def verdict(digest: str, size: int = 10) -> Verdict:
    return Verdict(sha256=digest * 64, bytes=size, width=4, height=3, ending=".jpg")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("HTTP://User:word@Example.ORG:80/a", "example.org:80"),
        ("https://x/", "x"),
        ("ftp://x/a", ""),
        ("x/a.jpg", ""),
        ("http://[broken", ""),
        ("", ""),
    ],
)
def test_hosts_of_addresses(url: str, host: str) -> None:
    assert host_of(url) == host


def test_a_plan_takes_new_ones_and_the_states_asked_for(database: StatusDatabase) -> None:
    jobs = [database.job(f"http://h/{n}") for n in range(5)]
    database.succeed(jobs[0], verdict("a"))
    database.fail(jobs[1], FetchFailed(State.GONE, "HTTP 404", status=404))
    database.fail(jobs[2], FetchFailed(State.TRANSIENT, "HTTP 503", status=503))
    assert database.plan([], tries=3) == 2
    assert database.plan([State.TRANSIENT], tries=3) == 3
    assert database.plan([State.TRANSIENT, State.GONE], tries=3, limit=2) == 2
    assert [job.url for job in database.claim("h", 0.0, 9)] == ["http://h/1", "http://h/2"]
    assert database.counts() == {State.OK: 1, State.GONE: 1, State.TRANSIENT: 1, State.NEW: 2}


def test_what_is_claimed_is_nobody_elses_until_it_is_given_back(database: StatusDatabase) -> None:
    for n in range(4):
        database.job(f"http://h/{n}")
    database.plan([], tries=2)
    first = database.claim("h", 0.0, 3)
    assert len(first) == 3 and {job.left for job in first} == {2}
    assert len(database.claim("h", 1e9, 9)) == 1
    assert database.claim("h", 1e9, 9) == []
    database.release(first[:2])
    assert database.claim("h", 0.0, 9) == first[:2]


def test_a_try_that_failed_for_now_is_due_later_and_not_for_ever(database: StatusDatabase) -> None:
    database.job("http://h/a")
    database.plan([], tries=2)
    (job,) = database.claim("h", 0.0, 9)
    database.fail(job, FetchFailed(State.TRANSIENT, "x" * 900), due=50.0)
    assert database.next_due("h") == 50.0 and database.claim("h", 49.0, 9) == []
    (again,) = database.claim("h", 50.0, 9)
    assert again.left == 1
    database.fail(again, FetchFailed(State.TRANSIENT, "again"), due=99.0)
    assert database.next_due("h") is None and list(database.hosts()) == []
    tries, detail = database.db.execute("SELECT tries, detail FROM urls").fetchone()
    assert (tries, detail) == (2, "again")


def test_giving_a_host_up_leaves_what_is_known_of_it(database: StatusDatabase) -> None:
    database.fail(database.job("http://h/old"), FetchFailed(State.GONE, "HTTP 410"))
    for url in ("http://h/new", "http://other/new"):
        database.job(url)
    database.plan([State.GONE], tries=1)
    assert dict(database.hosts()) == {"h": 2, "other": 1}
    assert database.give_up("h", "no answer") == 2
    assert dict(database.hosts()) == {"other": 1}
    rows = dict(database.db.execute("SELECT url, state || ': ' || detail FROM urls WHERE host = 'h'"))
    assert rows == {"http://h/old": "gone: HTTP 410", "http://h/new": "transient: no answer"}


def test_what_is_no_database_is_said_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "status.sqlite3").write_bytes(b"something else entirely, and long enough to be read" * 20)
    before = (tmp_path / "status.sqlite3").read_bytes()
    with pytest.raises(DataError, match="cannot be used"):
        StatusDatabase(tmp_path)
    assert (tmp_path / "status.sqlite3").read_bytes() == before
    with pytest.raises(RunError, match="is a file, not a folder"):
        StatusDatabase(tmp_path / "status.sqlite3")


def test_a_file_that_was_removed_by_hand_is_no_longer_called_there(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    for n in range(4):
        store.put(f"http://h{n % 2}/{n}.jpg", picture(1))
    with StatusDatabase(tmp_path) as database:
        (shared,) = shared_files(database)
        assert (shared.urls, shared.hosts, shared.sha256) == (4, 2, sha256_bytes(picture(1)))
        assert (tmp_path / shared.file).read_bytes() == picture(1)
        (tmp_path / shared.file).write_bytes(picture(1)[:-9])
        (first, *_) = fates(database, [State.OK])
        assert first.file is None and "not whole" in first.why
        assert list(fates(database, [State.GONE])) == []
    assert store.path("http://h0/0.jpg") is None


# -------------------------------------------------------------------------------------------- account


def labelled(tmp_path: Path, database: StatusDatabase, kinds: str, lost: str) -> None:
    """A set with one address a letter of ``kinds``, which is its label; those of ``lost`` are gone."""
    lines = [f"http://h/{n},{kind}" for n, kind in enumerate(kinds)]
    (tmp_path / "set.csv").write_text("\n".join(["url,kind", *lines]))
    add_set(database, "set", [tmp_path / "set.csv"], Columns(labels=("kind",)))
    for n, kind in enumerate(kinds):
        job = database.job(f"http://h/{n}")
        if kind in lost:
            database.fail(job, FetchFailed(State.GONE, "HTTP 404"))
        else:
            database.succeed(job, verdict(f"{n:x}"[-1]))


def test_the_shift_of_labels_is_what_one_works_out_by_hand(tmp_path: Path, database: StatusDatabase) -> None:
    labelled(tmp_path, database, "aaaabbcd", lost="b")
    (found,) = report(database, most=2)
    (shift,) = found.labels
    # Shares before: 4/8, 2/8, 1/8, 1/8; after: 4/6, 0, 1/6, 1/6. Half of the sum of differences: 1/4.
    assert shift.moved == pytest.approx(0.25)
    assert (shift.values, shift.lost) == (4, 1)
    assert [(value, round(before, 3), round(after, 3)) for value, before, after in shift.most] == [
        ("b", 0.25, 0.0),
        ("a", 0.5, 0.667),
    ]
    assert found.alive == 0.75 and found.hosts == (("h", 2, 8),)
    assert found.to_dict()["reasons"]["ok"] == {"images": 6, "rows": 6}


def test_a_set_of_which_nothing_is_left_has_moved_altogether(tmp_path: Path, database: StatusDatabase) -> None:
    labelled(tmp_path, database, "ab", lost="ab")
    (found,) = report(database)
    assert found.alive == 0 and found.files == found.bytes == 0
    assert found.labels[0].moved == found.labels[0].by_chance == 1.0


def test_nothing_lost_is_nothing_moved(tmp_path: Path, database: StatusDatabase) -> None:
    labelled(tmp_path, database, "aab", lost="")
    (found,) = report(database)
    assert found.labels[0].moved == found.labels[0].by_chance == 0.0 and found.hosts == ()
