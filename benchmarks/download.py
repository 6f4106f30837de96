"""Pictures a second from a server on this machine, and whether every fault is told from the others.

    python benchmarks/download.py                                   # under a minute on two cores
    python benchmarks/download.py --out benchmarks/results/download.json

Three runs, with the server in a process of its own on the same machine. *clean*: every picture is good; the
figure is pictures a second, decoded, hashed and stored. *faults*: of the same number a fifth is faulty, of every
kind there is; each URL must end in its class. *again*: the same command once more; only transient failures
may be asked for. Memory is that of the downloading process at a quarter of the pictures and at the end.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from faulty_server import FAULTS, LoopbackServer, picture
from openmolmo.core.files import sha256_bytes, write_json
from openmolmo.engine.download import ImageStore, State, StatusDatabase
from openmolmo.engine.download.client import Timeouts
from openmolmo.engine.download.driver import Settings, download
from openmolmo.engine.download.tables import Columns, add_set
from openmolmo.engine.download.verify import Limits
from surroundings import surroundings

TARGET = 300.0  # pictures a second
HOSTS = 8
BUSY, SILENT = 6, 7  # hosts of their own for those that refuse and for those that hang
LIMITS = Limits(bytes=2**20)


def serve(pipe: Connection) -> None:
    """The server's process: sends its ports, then its requests by path whenever it is asked."""
    with LoopbackServer(hosts=HOSTS, limit=LIMITS.bytes) as server:
        pipe.send(server.ports)
        while pipe.recv() == "requests":
            pipe.send(dict(server.requests))
            server.requests.clear()


def write_rows(path: Path, ports: list[int], faults: list[str]) -> dict[str, str]:
    """A table of one URL for each fault, spread over the hosts; returns the fault of each URL."""
    urls = {}
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["url", "sha256"])
        for number, fault in enumerate(faults):
            host = {"busy": BUSY, "hang": SILENT, "drip": SILENT}.get(fault, number % BUSY)
            url = f"http://127.0.0.1:{ports[host]}/{fault}/{number}.jpg"
            writer.writerow([url, sha256_bytes(picture(number))])
            urls[url] = fault
    return urls


def resident() -> float:
    """Memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(folder: Path, rows: Path, settings: Settings) -> dict[str, Any]:
    """One download; its figures."""
    memory: list[float] = []

    def on_result(state: State) -> None:
        memory.append(resident())

    with StatusDatabase(folder) as database:
        total = add_set(database, "rows", [rows], Columns())
        planned = database.plan([State.TRANSIENT], tries=settings.tries)
        processor = time.process_time()
        summary = download(database, ImageStore(folder, limits=LIMITS), settings, on_result=on_result)
        processor = time.process_time() - processor
    quarter = memory[len(memory) // 4]
    return {
        "rows": total,
        "planned": planned,
        "seconds": round(summary.seconds, 2),
        "processor_seconds": round(processor, 2),
        "images": summary.images,
        "images_per_second": round(summary.images / summary.seconds, 1),
        "results": {str(state): count for state, count in summary.results.items()},
        "memory_mb": {"quarter": round(quarter, 1), "end": round(memory[-1], 1), "most": round(max(memory), 1)},
    }


def wrong_classes(folder: Path, urls: dict[str, str]) -> dict[str, int]:
    """URLs that did not end in the class of their fault, as "fault: state" with how many."""
    with StatusDatabase(folder) as database:
        found = dict(database.db.execute("SELECT url, state FROM urls"))
    return dict(Counter(f"{fault}: {found[url]}" for url, fault in urls.items() if FAULTS[fault] != found[url]))


def kept_falsely(folder: Path, urls: dict[str, str]) -> int:
    """Files in the store that are the picture of no good URL."""
    good = {sha256_bytes(picture(number)) for number, fault in enumerate(urls.values()) if FAULTS[fault] is State.OK}
    return sum(path.name not in good for path in (folder / "images").rglob("*") if path.is_file())


def measure(count: int, work: Path, ask: Callable[[], dict[str, int]], ports: list[int]) -> dict[str, Any]:
    """All three runs."""
    settings = Settings(timeouts=Timeouts(connect=2, read=2, total=4), backoff=0.2)
    rows = work / "clean.csv"
    write_rows(rows, ports, ["ok"] * count)
    clean = run(work / "clean", rows, settings)
    ask()
    kinds = [fault for fault in FAULTS if fault != "ok"]
    faults = [kinds[(n // 5) % len(kinds)] if n % 5 == 0 else "ok" for n in range(count)]
    rows = work / "faults.csv"
    urls = write_rows(rows, ports, faults)
    faulty = run(work / "faults", rows, settings)
    ask()
    again = run(work / "faults", rows, settings)
    asked = Counter(path.split("/")[1] for path in ask())
    may = {fault for fault, state in FAULTS.items() if state is State.TRANSIENT}
    return {
        "clean": clean,
        "faults": {
            **faulty,
            "share": 0.2,
            "kinds": len(kinds),
            "wrong": wrong_classes(work / "faults", urls),
            "kept_falsely": kept_falsely(work / "faults", urls),
        },
        "again": {**again, "asked_for": dict(asked), "asked_without_need": sorted(set(asked) - may)},
    }


def main() -> None:
    """Measure, print, and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="pictures in each run")
    parser.add_argument("--out", type=Path, help="JSON file")
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    ports = here.recv()

    def ask() -> dict[str, int]:
        here.send("requests")
        requests: dict[str, int] = here.recv()
        return requests

    with tempfile.TemporaryDirectory() as work:
        result = measure(given.count, Path(work), ask, ports)
    here.send("end")
    server.join()
    where = surroundings("aiohttp")
    result = {"benchmark": "download", **where, "target_images_per_second": TARGET, **result}
    print(json.dumps(result, indent=2))
    if given.out is not None:
        write_json(given.out, result)


if __name__ == "__main__":
    main()
