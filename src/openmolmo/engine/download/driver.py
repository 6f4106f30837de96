"""All hosts at once, each at its own pace; whatever happens, every result is in the database when it is there.

A host that is active has one task, which claims due URLs from the database and starts requests as its pace
allows. A host that wants to be left alone is parked until it may be asked again, and another takes its
place. So memory does not grow with the number of URLs, and one slow host holds up nobody.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from openmolmo.core.errors import ConfigError, OpenMolmoError
from openmolmo.engine.download.client import Client, Timeouts
from openmolmo.engine.download.database import Job, StatusDatabase, host_of
from openmolmo.engine.download.lock import only_one
from openmolmo.engine.download.nearby import candidates, check_mirrors, mirror_urls
from openmolmo.engine.download.pace import Pace
from openmolmo.engine.download.robots import Robots
from openmolmo.engine.download.states import FetchFailed, State
from openmolmo.engine.download.store import ImageStore
from openmolmo.engine.download.verify import Verdict

__all__ = ["Settings", "Summary", "download"]

_CLAIM = 32  # URLs of a host held in memory before they are started
_PARK = 2.0  # seconds of waiting for which a host keeps its place


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to download. ``mirrors`` are folders of files, and addresses with fields (see ``nearby.py``).

    ``tries`` for one URL in one run, ``backoff`` seconds before the second one (doubled for each further one);
    a host that ``patience`` seconds have to be waited for is left to a later run, and so is one that gave no
    answer to ``silences`` requests in a row.
    """

    connections: int = 64
    per_host: int = 16
    hosts: int = 256
    threads: int = 2
    tries: int = 3
    backoff: float = 2.0
    patience: float = 300.0
    silences: int = 32
    strikes: int = 8
    timeouts: Timeouts = field(default_factory=Timeouts)
    mirrors: tuple[str, ...] = ()
    opt_out: bool = True
    robots: bool = False
    public_only: bool = False
    """Connect to public addresses only (see ``public.py``): for lists that strangers wrote."""

    def __post_init__(self) -> None:
        for name in ("connections", "per_host", "hosts", "threads", "tries"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")
        check_mirrors(self.mirrors)


@dataclass(kw_only=True)
class Summary:
    """What one run did: results by state (a URL that was tried twice counts twice), and what it left."""

    results: Counter[State] = field(default_factory=Counter)
    seconds: float = 0.0
    left: dict[str, str] = field(default_factory=dict)
    """Hosts that were left to a later run, and why."""

    @property
    def images(self) -> int:
        """Pictures that came into the store."""
        return self.results[State.OK]


def download(
    database: StatusDatabase, store: ImageStore, settings: Settings, *, on_result: Callable[[State], None] | None = None
) -> Summary:
    """Fetch everything that the database has planned (see :meth:`StatusDatabase.plan`).

    Ctrl-C ends it at once; what was fetched is kept. Raises DiskFullError when the disk is full, RunError when
    another download into the same folder is running.
    """
    run = _Run(database, store, settings, on_result or (lambda state: None))
    started = time.monotonic()
    try:
        with only_one(database.folder):
            asyncio.run(run.everything())
    except BaseExceptionGroup as group:  # a task group wraps what ended it
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, OpenMolmoError | OSError):
            raise error from None
        raise
    run.summary.seconds = time.monotonic() - started
    return run.summary


class _Host:
    """An active host: its pace, and the requests in flight."""

    def __init__(self, name: str, pace: Pace) -> None:
        self.name, self.pace = name, pace
        self.freed = asyncio.Event()


class _Run:
    """The state of one run."""

    def __init__(
        self, database: StatusDatabase, store: ImageStore, settings: Settings, on_result: Callable[[State], None]
    ) -> None:
        self.database, self.store, self.settings, self.on_result = database, store, settings, on_result
        self.summary = Summary()
        self._paces: dict[str, Pace] = {}
        self._folders = [Path(mirror) for mirror in settings.mirrors if not mirror.startswith("http")]

    async def everything(self) -> None:
        """Go through all hosts until nothing is due any more, or only after more than ``patience`` seconds."""
        settings = self.settings
        self._connections = asyncio.Semaphore(settings.connections)
        waiting = deque(name for name, _ in self.database.hosts())
        parked: list[tuple[float, str]] = []
        active: dict[asyncio.Task[float | None], str] = {}
        limit = self.store.limits.bytes
        with ThreadPoolExecutor(settings.threads, thread_name_prefix="verify") as self._threads:
            async with (
                Client(
                    connections=settings.connections,
                    max_bytes=limit,
                    timeouts=settings.timeouts,
                    opt_out=settings.opt_out,
                    public_only=settings.public_only,
                ) as self._client,
                asyncio.TaskGroup() as group,
            ):
                self._robots = Robots(self._client) if settings.robots else None
                while waiting or parked or active:
                    while parked and parked[0][0] <= time.time():
                        waiting.append(heapq.heappop(parked)[1])
                    while waiting and len(active) < settings.hosts:
                        name = waiting.popleft()
                        active[group.create_task(self._drain(name))] = name
                    await self._next(active, parked)

    async def _next(self, active: dict[asyncio.Task[float | None], str], parked: list[tuple[float, str]]) -> None:
        """Wait until an active host is through, or a parked one is due."""
        timeout = max(0.0, parked[0][0] - time.time()) if parked else None
        if not active:
            assert timeout is not None
            await asyncio.sleep(timeout)
            return
        done, _ = await asyncio.wait(active, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            name, due = active.pop(task), task.result()
            if due is None:
                self._paces.pop(name, None)
            elif due - time.time() > self.settings.patience:
                self._leave(name, f"asked to be left alone for {due - time.time():.0f} s")
            else:
                heapq.heappush(parked, (due, name))

    async def _drain(self, name: str) -> float | None:
        """Try what is due at one host; returns when to come back, or None when nothing is left there."""
        host = _Host(name, self._pace(name))
        queue: deque[Job] = deque()
        async with asyncio.TaskGroup() as group:
            while not self._hopeless(host):
                if not queue:
                    queue.extend(self.database.claim(name, time.time(), _CLAIM))
                if not queue or not await self._may_start(host):
                    break
                await self._connections.acquire()
                host.pace.start(time.time())
                group.create_task(self._one(queue.popleft(), host))
        self.database.release(queue)
        if name in self.summary.left:  # requests that were in flight may have asked for another try
            self.database.give_up(name, self.summary.left[name])
        due = self.database.next_due(name)
        return None if due is None else max(due, host.pace.resume_at)

    async def _may_start(self, host: _Host) -> bool:
        """Wait for a free place at this host; False if that takes so long that others should go first."""
        pace = host.pace
        while True:
            wait = pace.wait(time.time())
            if wait > _PARK:
                return False
            if wait > 0:
                await asyncio.sleep(wait)
            elif pace.in_flight >= pace.allowed:
                host.freed.clear()
                await host.freed.wait()
                if self._hopeless(host):
                    return False
            else:
                return True

    def _hopeless(self, host: _Host) -> bool:
        """Whether this host is to be left to a later run; then its URLs are marked so."""
        if host.pace.silences >= self.settings.silences:
            self._leave(host.name, f"no answer to {host.pace.silences} requests in a row")
        elif host.pace.strikes >= self.settings.strikes:
            self._leave(host.name, f"slowed down {host.pace.strikes} times in a row and still refused")
        return host.name in self.summary.left

    def _leave(self, name: str, why: str) -> None:
        if name not in self.summary.left:
            self.summary.left[name] = why
            self.database.give_up(name, why)

    def _pace(self, name: str) -> Pace:
        return self._paces.setdefault(name, Pace(self.settings.per_host))

    async def _one(self, job: Job, host: _Host) -> None:
        """One try of one URL, from wherever it may be had, and its line in the database."""
        started, clock = time.time(), time.monotonic()
        try:
            verdict, origin = await self._fetch(job, host)
        except FetchFailed as failure:
            self._pace_after(failure, host, started)
            delay = self.settings.backoff * 2 ** max(0, self.settings.tries - job.left)
            due = time.time() + max(delay, failure.retry_after or 0.0)
            self.database.fail(job, failure, seconds=time.monotonic() - clock, due=due)
            self._tell(failure.state)
        else:
            host.pace.answered()
            self.database.succeed(job, verdict, seconds=time.monotonic() - clock, origin=origin)
            self._tell(State.OK)
        finally:
            host.pace.in_flight -= 1
            host.freed.set()
            self._connections.release()

    def _tell(self, state: State) -> None:
        self.summary.results[state] += 1
        self.on_result(state)

    def _pace_after(self, failure: FetchFailed, host: _Host, started: float) -> None:
        if failure.status == 429 or (failure.status is not None and failure.retry_after is not None):
            host.pace.limited(time.time(), started, failure.retry_after)
        elif failure.state is State.TRANSIENT and failure.status is None:
            host.pace.silent()
        else:
            host.pace.answered()

    async def _fetch(self, job: Job, host: _Host) -> tuple[Verdict, str]:
        """The picture from a folder, a mirror or its own address; also says from where."""
        for folder in self._folders:
            for path in candidates(folder, job.url, job.expected):
                if path.stat().st_size <= self.store.limits.bytes:
                    with suppress(FetchFailed):
                        return await self._keep(await asyncio.to_thread(path.read_bytes), job), f"file {path}"
        for url in mirror_urls(self.settings.mirrors, job.url, job.expected):
            with suppress(FetchFailed):
                return await self._keep(await self._client.picture(url), job), f"mirror {host_of(url)}"
        if not host.name:
            raise FetchFailed(State.GONE, "no http address")
        if self._robots is not None:
            await self._robots.check(job.url)
        return await self._keep(await self._client.picture(job.url), job), ""

    async def _keep(self, data: bytes, job: Job) -> Verdict:
        """Decoding and writing, in a thread of their own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: self.store.keep(data, expected=job.expected))
