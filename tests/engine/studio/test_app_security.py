"""What the studio refuses: strangers, other sites, too much, too often, others' work; and what it never tells."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import uvicorn
from app_room import Room, make_room
from sqlalchemy import inspect, select, text

from openmolmo.engine.studio import accounts
from openmolmo.engine.studio.app import guard
from openmolmo.engine.studio.store.tables import Base, Event, Invitation, Person, Session


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    made = make_room(tmp_path, monkeypatch)
    yield made
    made.database.close()


def everything(room: Room) -> str:
    """All that the database holds, as one text."""
    with room.database.read() as rows:
        tables = inspect(rows.connection()).get_table_names()
        return "\n".join(str(rows.execute(text(f'select * from "{name}"')).all()) for name in tables)


def test_a_link_works_once_and_only_hashes_of_secrets_are_kept(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = room.link()
    ada, eve = room.browser(), room.browser()
    assert "Your name" in ada.get(f"/join/{token}").text, "looking uses nothing up"
    assert ada.enter(token, " ").status_code == 400, "a name is needed, and the link still works"
    assert ada.enter(token, "Ada").url.path == "/"
    assert eve.get(f"/join/{token}").status_code == 410
    late = eve.enter(token, "Eve")
    assert late.status_code == 410
    assert "used up" in late.text
    old = room.link()
    room.time += accounts.LINK_SECONDS + 1
    assert eve.enter(old, "Eve").status_code == 410, "a link ends"
    twin = room.link()
    assert "already" in eve.enter(twin, "ADA").text, "two people cannot have one name"

    answer = ada.client.post("/join/" + room.link(), data={"name": "Ann"})
    cookie = answer.history[0].headers["set-cookie"]
    secret = cookie.partition("=")[2].partition(";")[0]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    kept = everything(room)
    assert secret not in kept
    assert token not in kept
    told = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("openmolmo"))
    assert "/join/..." in told, "requests are logged"
    assert token not in told, "without the secrets of links"
    assert secret not in told
    assert re.search(r'<meta name="csrf" content="([^"]+)"', answer.text)[1] not in told  # type: ignore[index]


def test_passwords_are_argon2_and_guessing_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_room(tmp_path, monkeypatch, sign_ins_per_minute=4)
    ada = room.person("Ada")
    assert "at least 10" in ada.form("/account/password", password="short").text
    assert ada.form("/account/password", password="correct horse").status_code == 200
    with room.database.read() as rows:
        stored = rows.scalars(select(Person.password)).one()
    assert stored is not None
    assert stored.startswith("$argon2id$")
    other = room.browser()
    wrong = other.form("/sign-in", name="Ada", password="battery staple")
    unknown = other.form("/sign-in", name="Nobody", password="battery staple")
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.text.replace("Ada", "") == unknown.text.replace("Nobody", ""), "neither says which one was wrong"
    assert other.form("/sign-in", name="ada", password="correct horse").url.path == "/"
    tries = [room.browser().form("/sign-in", name="Ada", password=f"guess {n}") for n in range(2)]
    assert tries[-1].status_code == 429
    assert int(tries[-1].headers["Retry-After"]) >= 1
    assert room.browser().enter(room.link(), "Bob").status_code == 429, "nor can links be guessed"


def test_sessions_end(room: Room) -> None:
    ada, admin = room.person("Ada"), room.person("Root", "admin")
    assert ada.get("/mine").url.path == "/mine"
    again = room.browser()
    again.enter(room.link(person_id=1))
    assert again.get("/").text.count("Ada") > 0, "a link can sign somebody in again"
    again.form("/sign-out")
    assert again.get("/").url.path == "/sign-in"
    assert ada.get("/mine").url.path == "/mine", "only that session ended"
    assert admin.form("/people/1/disable").status_code == 200
    assert ada.get("/mine").url.path == "/sign-in", "who is shut out is out at once"
    assert ada.call("/api/leases/1/renew").status_code == 401
    admin.form("/people/1/enable")
    token = re.search(r"/join/([\w-]{20,})", admin.form("/people/1/link").text)
    assert token is not None
    assert ada.enter(token[1]).url.path == "/"
    room.time += accounts.SESSION_SECONDS + 1
    assert ada.get("/").url.path == "/sign-in", "a session ends by itself"
    with room.database.read() as rows:
        assert rows.scalars(select(Session)).first() is not None


def test_changes_need_the_secret_and_the_studios_own_page(room: Room) -> None:
    ada = room.person("Ada")
    task = ada.take()
    body = {"payload": {"count": 1}, "revision": 0}
    url = f"/api/leases/{task['lease']}/draft"
    assert ada.client.post(url, json=body).status_code == 403
    assert ada.client.post(url, json=body, headers={"X-CSRF": "x" * 43}).status_code == 403
    assert ada.client.post("/account/language", data={"locale": "de"}).status_code == 403
    assert ada.client.post("/sign-out").status_code == 403
    for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        refused = ada.client.post(url, json=body, headers={"X-CSRF": ada.csrf, **header})
        assert refused.status_code == 403, header
        assert "another site" in refused.json()["error"]
    token = room.link()
    evil = room.browser().client.post(f"/join/{token}", data={"name": "E"}, headers={"Origin": "https://evil.example"})
    assert evil.status_code == 403, "nobody is signed in from another site"
    ours = {"X-CSRF": ada.csrf, "Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}
    assert ada.client.post(url, json=body, headers=ours).json() == {"revision": 1}


def test_headers_hosts_and_what_others_may_do_with_a_page(room: Room) -> None:
    ada = room.person("Ada")
    for url in ("/", "/static/api.js", "/pictures/1", "/nothing", "/api/nothing", "/static/../accounts.py"):
        headers = ada.get(url).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; ")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "microphone=(self)" in headers["permissions-policy"]
    for host in ("evil.example", "localhost.evil.example", ""):
        assert ada.client.get("/", headers={"Host": host}).status_code == 421, host
    for host in ("127.0.0.1:8000", "192.168.7.9:8000", "[::1]:8000", "LOCALHOST:8000"):
        assert ada.client.get("/health", headers={"Host": host}).status_code == 200, host
    assert ada.get("/").headers["cache-control"] == "no-store"


def test_behind_https_the_cookie_is_bound_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_room(tmp_path, monkeypatch, public_url="https://studio.example.org", tls="proxy")
    ada = room.browser("https://studio.example.org")
    answer = ada.enter(room.link(), "Ada")
    cookie = answer.history[0].headers["set-cookie"]
    assert cookie.startswith("__Host-studio=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_too_much_and_too_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_room(tmp_path, monkeypatch, max_json_kb=20.0, requests_per_minute=24)
    ada = room.person("Ada")
    task = ada.take()
    url = f"/api/leases/{task['lease']}/draft"
    big = ada.call(url, {"payload": {"count": 1, "note": "x" * 30_000}, "revision": 0})
    assert big.status_code == 413
    assert big.json()["code"] == "too_large"

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    streamed = ada.client.post(url, content=endless(), headers={"X-CSRF": ada.csrf})
    assert streamed.status_code == 413, "a body without a length is counted as it comes"
    odd = ada.client.post(url, content=b"{", headers={"X-CSRF": ada.csrf, "Content-Length": "-5"})
    assert odd.status_code == 400
    for body in (b"{", b"[]", b'{"payload": 1, "revision": 0}', b'{"payload": {}, "revision": -1}', b"\xff"):
        wrong = ada.client.post(url, content=body, headers={"X-CSRF": ada.csrf, "Content-Type": "application/json"})
        assert wrong.status_code in (400, 422), body
        assert wrong.json()["error"].startswith("The studio did not understand")
    nan = b'{"payload": {"count": NaN}, "revision": 0}'
    answer = ada.client.post(url, content=nan, headers={"X-CSRF": ada.csrf, "Content-Type": "application/json"})
    assert answer.status_code == 422
    statuses = {ada.get("/health").status_code for _ in range(3)} | {ada.get("/mine").status_code for _ in range(26)}
    assert statuses == {200, 429}
    assert room.person("Bob").get("/mine").status_code == 200, "another's haste is not one's own"


def test_who_sends_a_byte_a_minute_is_cut_off(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.4)
    ada = room.person("Ada")
    url = f"/api/leases/{ada.take()['lease']}/draft"
    server = uvicorn.Server(uvicorn.Config(room.app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        where = server.servers[0].sockets[0].getsockname()
        head = f"POST {url} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-CSRF: {ada.csrf}\r\n"
        head += f"Cookie: studio={ada.client.cookies['studio']}\r\nContent-Length: 100\r\n\r\n{{"
        slow = [socket.create_connection(where, timeout=20) for _ in range(60)]  # more than there are threads
        for one in slow:
            one.sendall(head.encode())
        began = time.monotonic()
        assert httpx2.get(f"http://127.0.0.1:{where[1]}/health").json() == {"ok": True}, "nobody else waits for them"
        for one in slow:
            said = b""
            while piece := one.recv(4096):  # until it is closed
                said += piece
            assert said.startswith(b"HTTP/1.1 408"), said
            assert b"too slowly" in said
        assert time.monotonic() - began < 15
    finally:
        server.should_exit = True
        thread.join()


def test_nobody_sees_anothers_work(room: Room) -> None:
    ada, bob = room.person("Ada"), room.person("Bob")
    task = ada.take()
    secret = "a secret of Ada's"
    ada.call(f"/api/leases/{task['lease']}/draft", {"payload": {"count": 5, "note": secret}, "revision": 0})
    ada.call(f"/api/leases/{task['lease']}/submit", {"payload": {"count": 5}})
    same = bob.take()
    assert same["task"]["id"] == task["task"]["id"], "two people do one task"
    assert same["draft"] is None
    assert secret not in bob.get("/work/toy").text
    assert bob.get("/mine/1").status_code == 404
    assert ada.get("/mine/1").status_code == 200
    assert bob.form("/mine/1/undo").status_code == 404
    for what, body in (
        ("draft", {"payload": {"count": 1}, "revision": 1}),
        ("renew", None),
        ("skip", {"reason": "x"}),
        ("submit", {"payload": {"count": 1}}),
    ):
        assert bob.call(f"/api/leases/{task['lease']}/{what}", body).status_code == 410, what
    for url in ("/review", "/review/1", "/statistics", "/people", "/project"):
        assert bob.get(url).status_code == 403, url
    assert bob.call("/api/reviews/1", {"verdict": "accepted"}).status_code == 403
    for url in ("/people/invite", "/people/1/role", "/people/1/erase", "/project/toy"):
        assert bob.form(url, role="admin", sure="Ada").status_code == 403, url
    reviewer = room.person("Rita", "reviewer")
    assert reviewer.get("/review/1").status_code == 200
    assert reviewer.get("/people").status_code == 403
    stranger = room.browser()
    for url in ("/", "/work/toy", "/mine", "/review/1", "/people", "/pictures/1", "/account"):
        assert stranger.get(url).url.path == "/sign-in", url


def test_paths_lead_nowhere(room: Room) -> None:
    ada = room.person("Ada")
    with room.database.begin() as rows:
        rows.execute(text("update picture set path = '../../../../etc/passwd'"))
    assert ada.get("/pictures/1").status_code == 404
    for path in ("/static/../create.py", "/static/%2e%2e/create.py", "/static/..%2fcreate.py", "/pictures/1%00"):
        assert ada.client.get(path).status_code in (404, 422), path
    (room.directory / "pictures/bad.png").write_bytes(b"not a picture")
    with room.database.begin() as rows:
        rows.execute(text("update picture set path = 'pictures/bad.png', sha256 = 'f'"))
    answer = ada.get("/pictures/1?w=100")
    assert answer.status_code == 400, "pictures are opened by the one reader, which says what is wrong"
    assert "Traceback" not in answer.text


def test_what_nobody_foresaw_is_told_without_its_inside(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = room.person("Ada")

    def broken(*_: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("openmolmo.engine.studio.queue.renew", broken)
    answer = ada.call("/api/leases/1/renew")
    assert answer.status_code == 500
    assert answer.json()["code"] == "our_fault"
    assert "swordfish" not in answer.text
    assert "content-security-policy" in answer.headers


def test_the_last_admin_stays(room: Room) -> None:
    admin = room.person("Root", "admin")
    for action, fields in (("role", {"role": "annotator"}), ("disable", {}), ("erase", {"sure": "Root"})):
        answer = admin.form(f"/people/1/{action}", **fields)
        assert answer.status_code == 400, action
        assert "only admin" in answer.text
    room.person("Second", "admin")
    assert admin.form("/people/1/role", role="annotator").status_code == 403, "and is no admin any more"


def test_every_change_of_people_is_an_event(room: Room) -> None:
    admin = room.person("Root", "admin")
    room.person("Ada")
    admin.form("/people/invite", role="reviewer", uses="3")
    admin.form("/people/2/role", role="reviewer")
    admin.form("/people/2/disable")
    with room.database.read() as rows:
        kinds = list(rows.scalars(select(Event.kind).order_by(Event.id)))
        left = rows.scalars(select(Invitation.uses_left).order_by(Invitation.id)).all()
    assert left == [0, 0, 3]
    for kind in ("invitation.made", "person.joined", "person.signed_in", "person.role", "person.disabled"):
        assert kind in kinds
    assert {table.name for table in Base.metadata.sorted_tables} >= {"event", "access"}


def test_numbers_and_signs_that_no_database_holds(room: Room) -> None:
    ada, admin = room.person("Ada"), room.person("Eve", "admin")
    task = ada.take()
    huge = 10**30
    for url in (f"/pictures/{huge}", f"/mine/{huge}", f"/mine?before={huge}", f"/work/{huge}"):
        assert ada.get(url).status_code in (404, 422), url
    assert admin.get(f"/review/{huge}").status_code == 422
    assert admin.form(f"/people/{huge}/disable").status_code == 422
    assert ada.call(f"/api/leases/{huge}/renew").status_code == 422
    raw = {"X-CSRF": ada.csrf, "Content-Type": "application/json"}
    half = ada.client.post(f"/api/leases/{task['lease']}/skip", content=b'{"reason": "\\ud800"}', headers=raw)
    assert half.status_code == 422
    assert ada.client.post("/sign-in", data={"name": "' or 1=1 --\0", "password": "x" * 12}).status_code in (400, 422)
    assert ada.take()["lease"] == task["lease"], "nothing was lost by it"


def test_nothing_that_people_write_becomes_a_part_of_a_page(room: Room) -> None:
    evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    with room.database.begin() as rows:
        rows.execute(text("update picture set source = :evil, alt = :evil"), {"evil": evil})
        rows.execute(text("update project set name = :evil"), {"evil": evil})
    ada, rita = room.person(evil[:28]), room.person("<b>Rita</b>", "admin")
    task = ada.take()
    ada.call(f"/api/leases/{task['lease']}/draft", {"payload": {"count": 5, "note": evil}, "revision": 0})
    here = [ada.get("/work/toy").text]
    ada.call(f"/api/leases/{task['lease']}/submit", {"payload": {"count": 5}})
    rita.call("/api/reviews/1", {"verdict": "sent_back", "comment": evil})
    here += [ada.get(url).text for url in ("/", "/work/toy", "/mine", "/mine/1", "/account")]
    admins = ("/", "/review", "/review/1", "/people", "/people/access", "/project", "/statistics")
    here += [rita.get(url).text for url in admins]
    for page in here:
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert "<b>Rita" not in page


def test_who_may_invite_no_more_does_not_come_back_by_a_link_of_theirs(room: Room) -> None:
    boss, eve = room.person("Boss", "admin"), room.person("Eve", "admin")
    page = eve.form("/people/invite", role="admin").text
    kept = page.partition("/join/")[2][:43]
    assert boss.form("/people/2/role", role="annotator").status_code == 200
    assert eve.get("/people").status_code == 403
    assert room.browser().enter(kept, "Eve again").status_code == 410


def test_a_new_password_signs_other_browsers_out(room: Room) -> None:
    ada = room.person("Ada")
    with room.database.begin() as rows:
        token = accounts.invite(rows, role="annotator", person_id=1, now=room.time)
    other = room.browser()
    other.enter(token)
    assert other.get("/mine").url.path == "/mine"
    assert ada.form("/account/password", password="a long password").status_code == 200
    assert ada.get("/mine").url.path == "/mine"
    assert other.get("/mine").url.path == "/sign-in"
