"""Runs the studio: makes what is missing, starts the server and one worker, opens the browser at a one-time link."""

from __future__ import annotations

import contextlib
import logging
import math
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import uvicorn
from sqlalchemy import select

from openmolmo.core.web import bound_socket, open_when_up
from openmolmo.engine.studio import accounts, queue
from openmolmo.engine.studio.app.certificates import Certificate, own_certificate
from openmolmo.engine.studio.app.create import create_app
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.database import Database, DatabaseGoneError, open_database, upgrade
from openmolmo.engine.studio.store.tables import Person, Project
from openmolmo.engine.studio.worker import PARENT

__all__ = ["admin_link", "prepare", "serve"]

log = logging.getLogger("openmolmo.studio")

SWEEP_SECONDS = 30.0
MOST_THREADS, LEAST_THREADS = 20, 8
"""Requests that are worked on at once, by all server processes and by each one; each has a connection. More of them
only wait for each other, and for Python's lock."""
ADMIN_LINK_SECONDS = 3600.0


def prepare(settings: StudioSettings) -> Database:
    """The database with its tables; where no project is in it, the sample project."""
    settings.directory.mkdir(parents=True, exist_ok=True)
    database = upgrade(settings.database_url)
    with database.read() as rows:
        there = rows.scalar(select(Project.id).limit(1))
    if there is None:
        from openmolmo.engine.studio.importing.beginning import init_sample

        init_sample(settings.directory, database)
    return database


def admin_link(settings: StudioSettings, database: Database) -> str:
    """A link that lets one admin in, once, within an hour: the first admin there is, or a new one."""
    now = time.time()
    with database.begin() as rows:
        admin = rows.scalar(
            select(Person.id)
            .where(Person.role == "admin", Person.disabled_at.is_(None), Person.erased_at.is_(None))
            .order_by(Person.id)
            .limit(1)
        )
        token = accounts.invite(rows, role="admin", now=now, person_id=admin, seconds=ADMIN_LINK_SECONDS)
    return f"{settings.address}/join/{token}"


def serve(
    settings: StudioSettings, *, open_browser: bool, worker: bool, processes: int = 1, tell: Callable[[str], None]
) -> None:
    """Serve until stopped. ``tell`` gets lines for the terminal: the link is told there and nowhere else.

    ``processes`` answer at one socket; what they share is in the database. Python computes on one processor each.
    """
    listening = bound_socket(
        settings.host,
        settings.port,
        who="the studio",
        fix="choose another --port (0 takes a free one), or stop what listens there",
    )
    settings = settings.replace(
        port=listening.getsockname()[1],
        sign_ins_per_minute=math.ceil(settings.sign_ins_per_minute / processes),  # each process counts by itself
    )
    database = prepare(settings)
    link = admin_link(settings, database)
    own = _certificate(settings, tell)
    threads = max(LEAST_THREADS, MOST_THREADS // processes)
    server = _server(settings, database, own, threads)
    tell(f"The studio is at {settings.address}")
    tell(f"Come in as admin (once, within an hour): {link}")
    tell("Stop it with Ctrl-C.")
    with (
        _sweeping(database),
        _worker(settings) if worker else contextlib.nullcontext(),
        _others(settings, listening, own, threads, processes - 1),
    ):
        if open_browser:
            threading.Thread(target=open_when_up, args=(server, link), daemon=True).start()
        # The server raises again what ended it; SIGTERM must not end the process before the worker was told.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
    database.close()


def _server(settings: StudioSettings, database: Database, own: Certificate | None, threads: int) -> uvicorn.Server:
    config = uvicorn.Config(
        create_app(settings, database, threads=threads),
        log_level="warning",
        access_log=False,  # the guard writes its own, without the secrets of links
        server_header=False,
        proxy_headers=bool(settings.public_url),
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_keep_alive=30,  # drafts come every two seconds, and need no new connection each
        timeout_graceful_shutdown=10,
        ssl_certfile=None if own is None else str(own.certificate),
        ssl_keyfile=None if own is None else str(own.key),
    )
    return uvicorn.Server(config)


@contextlib.contextmanager
def _others(
    settings: StudioSettings, listening: socket.socket, own: Certificate | None, threads: int, count: int
) -> Iterator[None]:
    """``count`` more processes that answer at the same socket."""
    spawn = multiprocessing.get_context("spawn")
    given = (settings, listening, own, threads, os.getpid())
    processes = [spawn.Process(target=_serve_too, args=given, name=f"server {n + 2}") for n in range(count)]
    if count:
        listening.listen(2048)  # before anybody accepts
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=15)
            if process.is_alive():
                process.kill()


def _serve_too(
    settings: StudioSettings, listening: socket.socket, own: Certificate | None, threads: int, parent: int
) -> None:
    """One more server process. It ends by itself where the first one was killed."""
    database = open_database(settings.database_url, pool=threads)
    server = _server(settings, database, own, threads)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        server.should_exit = True

    threading.Thread(target=watch, name="is the first one there", daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    database.close()


def _certificate(settings: StudioSettings, tell: Callable[[str], None]) -> Certificate | None:
    if settings.tls != "self-signed":
        return None
    made = own_certificate(settings.directory, (settings.host, _public_host(settings)))
    tell(f"Fingerprint of the certificate (SHA-256), which browsers show too: {made.fingerprint}")
    return made


def _public_host(settings: StudioSettings) -> str:
    return urlsplit(settings.address).hostname or ""


@contextlib.contextmanager
def _sweeping(database: Database) -> Iterator[None]:
    """End leases whose time is over, now and then, so that tasks come back although nobody asks for one."""
    stop = threading.Event()

    def sweep() -> None:
        while not stop.wait(SWEEP_SECONDS):
            try:
                with database.begin() as rows:
                    queue.sweep(rows, time.time())
            except DatabaseGoneError as error:
                log.warning("%s", error)

    thread = threading.Thread(target=sweep, name="sweeper", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)


@contextlib.contextmanager
def _worker(settings: StudioSettings) -> Iterator[None]:
    """One worker in a process of its own; its database is the server's."""
    command = [sys.executable, "-m", "openmolmo", "studio", "worker", "--dir", str(settings.directory)]
    for option, value in (("--llm", settings.llm), ("--speech", settings.speech)):
        command += [option, value] if value else []
    # In the environment, not on the command line, which everybody on the machine can read.
    secret = {"OPENMOLMO_STUDIO_DATABASE": settings.database} if settings.database else {}
    process = subprocess.Popen(command, env={**os.environ, **secret, PARENT: str(os.getpid())})
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
