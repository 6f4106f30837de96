"""Fetches the pictures of published sets: what can be had is kept, what cannot is accounted for.

    states.py       what became of a URL: ok, transient, gone, forbidden, not-an-image, ...   (start here)
    verify.py        bytes that are a whole picture, or the reason why not
    store.py        ImageStore(folder).path(url): the pictures, by the hash of their content
    database.py         the status of every URL, in SQLite: what a run that was killed goes on from
    pace.py         how fast one host may be asked; learns from 429 and Retry-After
    client.py       one HTTP request that cannot hang          (needs aiohttp)
    robots.py       what robots.txt of a host permits, by option
    nearby.py       folders of files and mirrors, tried before the address itself
    driver.py       download(database, store, settings): all hosts at once   (needs aiohttp)
    tables.py       rows of parquet, jsonl, csv and txt; sets.py the published sets by name
    report.py       what part of each set is there, and why the rest is not

Nothing here imports torch.
"""

from __future__ import annotations

from openmolmo.engine.download.database import StatusDatabase
from openmolmo.engine.download.states import State
from openmolmo.engine.download.store import ImageStore

__all__ = ["ImageStore", "State", "StatusDatabase"]
