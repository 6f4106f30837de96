"""Simultaneous annotators at a real studio: how long each request takes, for those who wait for it.

    python benchmarks/studio_clients.py                                   # both databases, about a minute
    python benchmarks/studio_clients.py --clients 10 --seconds 5 --out benchmarks/results/studio_clients.json

``openmolmo studio serve`` runs in a process of its own. Each of the clients comes in by a link, opens a task (which
takes a lease and makes the page), saves drafts and hands it in, with the pauses of somebody who works: a draft every
two seconds, as the pages save them, and a task in about eight. All clients run in this one process, which shares the
machine's processors with the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
from sqlalchemy import select

from openmolmo.core.files import write_json
from openmolmo.core.rng import derive
from openmolmo.engine.studio import accounts
from openmolmo.engine.studio.importing.beginning import init_sample
from openmolmo.engine.studio.queue import add_task
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.engine.studio.store.tables import Picture, Project
from postgresql_server import PostgresqlServer, fresh_database, programs
from surroundings import surroundings

MODE, NEED, DRAFTS, DRAFT_SECONDS, LOOK_SECONDS = "point", 3, 3, 2.0, 2.0
_TASK = re.compile(r'<script type="application/json" id="task">(.*?)</script>', re.DOTALL)
_CSRF = re.compile(r'<meta name="csrf" content="([^"]+)"')
Times = dict[str, list[float]]


def fill(folder: Path, url: str, clients: int) -> list[str]:
    """A studio with more tasks than the clients can do; one link each."""
    folder.mkdir()
    database = upgrade(url)
    init_sample(folder, database)
    with database.begin() as rows:
        project = rows.scalars(select(Project)).one()
        pictures = rows.scalars(select(Picture)).all()
        for number in range(10 * clients):
            picture = pictures[number % len(pictures)]
            add_task(
                rows, project_id=project.id, picture_id=picture.id, mode=MODE, now=0.0, place=float(number), need=NEED
            )
        links = [accounts.invite(rows, role="annotator", now=time.time()) for _ in range(clients)]
    database.close()
    return links


def serve(folder: Path, url: str, processes: int) -> tuple[subprocess.Popen[str], str]:
    """A running studio and its address."""
    command = [sys.executable, "-m", "openmolmo", "studio", "serve", "--dir", str(folder)]
    command += ["--no-open", "--no-worker", "--port", "0", "--processes", str(processes)]
    process = subprocess.Popen(
        command, env={**os.environ, "OPENMOLMO_STUDIO_DATABASE": url}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"at (http://\S+)", line):
            return process, found[1]
    raise SystemExit("the studio did not start")


class Client:
    """One person at a browser."""

    def __init__(self, address: str, number: int, times: Times, answers: Counter[str]) -> None:
        limits = httpx2.Limits(max_connections=1)
        self.http = httpx2.AsyncClient(base_url=address, limits=limits, timeout=60.0, follow_redirects=True)
        self.number, self.times, self.answers = number, times, answers
        self.rng = derive(number, "studio clients")
        self.csrf = ""

    async def ask(self, what: str, method: str, url: str, **more: Any) -> httpx2.Response:
        began = time.perf_counter()
        answer = await self.http.request(method, url, **more)
        self.times[what].append(1000 * (time.perf_counter() - began))
        self.answers[f"{what} {answer.status_code}"] += 1
        return answer

    async def call(self, what: str, url: str, body: dict[str, Any]) -> httpx2.Response:
        return await self.ask(what, "POST", url, json=body, headers={"X-CSRF": self.csrf})

    async def come_in(self, link: str) -> None:
        page = await self.ask("join", "POST", f"/join/{link}", data={"name": f"person {self.number}"})
        found = _CSRF.search(page.text)
        assert found is not None, page.text
        self.csrf = found[1]

    async def one_task(self) -> None:
        page = await self.ask("take", "GET", f"/work/{MODE}")
        found = _TASK.search(page.text)
        assert found is not None, page.text
        task = json.loads(found[1])
        await self.ask("picture", "GET", task["picture_url"])
        await self.pause(LOOK_SECONDS)
        revision, points = task["revision"], []
        work: dict[str, Any] = {}
        for number in range(DRAFTS):
            points.append({"x": 10.0 + number, "y": 50.0})
            work = {"groups": [{"label": "cup", "points": points}], "absent": [], "active": 0}
            body = {"payload": work, "revision": revision, "worked_ms": 1000}
            revision = (await self.call("draft", f"/api/leases/{task['lease']}/draft", body)).json()["revision"]
            await self.pause(DRAFT_SECONDS)
        await self.call("submit", f"/api/leases/{task['lease']}/submit", {"payload": work, "worked_ms": 6000})

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds * float(self.rng.uniform(0.7, 1.3)))

    async def work(self, end: float) -> None:
        await asyncio.sleep(float(self.rng.uniform(0, LOOK_SECONDS + DRAFTS * DRAFT_SECONDS)))  # not all at one moment
        while time.monotonic() < end:
            await self.one_task()


def processor_seconds(process: subprocess.Popen[str]) -> float:
    """Of the server and its other processes so far: what a busy machine changes least."""
    first = psutil.Process(process.pid)
    return sum(sum(one.cpu_times()[:2]) for one in (first, *first.children(recursive=True)))


async def act(
    address: str, links: list[str], seconds: float, process: subprocess.Popen[str]
) -> tuple[Times, Counter[str], float]:
    """All clients at once; milliseconds by kind of request, the answers' statuses, the server's processor seconds."""
    times: Times = defaultdict(list)
    answers: Counter[str] = Counter()
    people = [Client(address, number, times, answers) for number in range(len(links))]
    for person, link in zip(people, links, strict=True):
        await person.come_in(link)
    end, before = time.monotonic() + seconds, processor_seconds(process)
    await asyncio.gather(*(person.work(end) for person in people))
    for person in people:
        await person.http.aclose()
    return times, answers, processor_seconds(process) - before


def measure(url: str, folder: Path, clients: int, seconds: float, processes: int) -> dict[str, Any]:
    """The figures of one database."""
    links = fill(folder, url, clients)
    (folder / "studio.yaml").write_text("sign_ins_per_minute: 100000\n")  # all of them come from one address
    process, address = serve(folder, url, processes)
    try:
        times, answers, used = asyncio.run(act(address, links, seconds, process))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    working = [ms for what, each in times.items() if what != "join" for ms in each]
    return {
        "clients": clients,
        "server_processes": processes,
        "seconds": seconds,
        "requests": len(working),
        "requests_per_second": round(len(working) / seconds, 1),
        "server_cpu_ms_each": round(1000 * used / len(working), 2),
        "answers": dict(sorted(answers.items())),
        "all_ms": percentiles(working),
        **{f"{what}_ms": percentiles(each) for what, each in sorted(times.items())},
    }


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    return {f"p{part}": round(float(np.percentile(milliseconds, part)), 1) for part in (50, 95, 99)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long they work, on each database")
    parser.add_argument("--processes", type=int, default=1, help="server processes at one address")
    parser.add_argument("--out", type=Path, help="write the figures there, as JSON")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended too
    figures: dict[str, Any] = {"benchmark": "studio_clients", **surroundings("fastapi", "uvicorn", "sqlalchemy")}
    server = PostgresqlServer(durable=True) if programs() is not None else None
    try:
        with tempfile.TemporaryDirectory() as folder:
            places = {"sqlite": f"sqlite:///{folder}/sqlite/studio.sqlite"}
            if server is not None:
                places["postgresql"] = fresh_database(server.address)
            for name, url in places.items():
                figures[name] = measure(url, Path(folder) / name, given.clients, given.seconds, given.processes)
                print(name, figures[name])
                if given.out is not None:
                    write_json(given.out, figures)  # at once: what is done is kept
    finally:
        if server is not None:
            server.close()


if __name__ == "__main__":
    main()
