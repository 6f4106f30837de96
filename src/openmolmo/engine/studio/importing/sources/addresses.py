"""Addresses of the web, fetched by the downloader into DIR/downloads: its pace, its limits, its opt-outs.

Only public addresses are asked: neither an address nor a redirect leads into a private network. What was fetched
stays, so that the same import again asks only for what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openmolmo.core.files import atomic_file
from openmolmo.core.optional import require
from openmolmo.engine.download.database import StatusDatabase
from openmolmo.engine.download.states import State
from openmolmo.engine.download.store import ImageStore
from openmolmo.engine.download.tables import Columns, add_set
from openmolmo.engine.download.verify import Limits
from openmolmo.engine.studio.importing.found import Found, Refused

__all__ = ["Address", "Fetching", "fetched_pictures"]

_TRIES = 3
_NAME = "studio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address, the hash that its file must have (if known), and what came with it."""

    url: str
    sha256: str | None = None
    topic: str = ""
    alt: str = ""


@dataclass(frozen=True, kw_only=True)
class Fetching:
    """How to fetch. ``private`` lets addresses of private networks in: for a store of one's own only."""

    max_bytes: int = 32 * 2**20
    private: bool = False
    tries: int = _TRIES
    backoff: float = 2.0


def fetched_pictures(
    addresses: Sequence[Address], directory: Path, fetching: Fetching | None = None
) -> Iterator[Found | Refused]:
    """Fetch what is not there yet, then give every picture in the order of the addresses."""
    fetching = fetching or Fetching()
    unique = {one.url: one for one in reversed(addresses)}
    folder = directory / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    store = ImageStore(folder, limits=Limits(bytes=fetching.max_bytes))
    with StatusDatabase(folder) as database:
        _plan(database, folder, unique, fetching)
        _run(database, store, fetching)
        states = dict(database.db.execute("SELECT url, state || ': ' || detail FROM urls"))
    for url in dict.fromkeys(one.url for one in addresses):
        one, path = unique[url], store.path(url)
        if path is None:
            state, _, detail = states.get(url, "new: ").partition(": ")
            yield Refused(name=url, reason=f"was not fetched ({state})", what=detail)
        else:
            yield Found(name=url, data=path.read_bytes(), topic=one.topic, alt=one.alt)


def _plan(database: StatusDatabase, folder: Path, unique: Mapping[str, Address], fetching: Fetching) -> None:
    """A table of the addresses, as the downloader takes them; the same ones again are no other set."""
    table = folder / f"{_NAME}.csv"
    lines = (f'"{one.url.replace(chr(34), "%22")}",{one.sha256 or ""}\n' for one in sorted(unique.values(), key=_url))
    text = "url,sha256\n" + "".join(lines)
    if not table.is_file() or table.read_text(encoding="utf-8") != text:
        with atomic_file(table) as temporary:
            temporary.write_text(text, encoding="utf-8")
    add_set(database, _NAME, [table], Columns())
    database.plan([State.TRANSIENT], tries=fetching.tries, name=_NAME)


def _url(one: Address) -> str:
    return one.url


def _run(database: StatusDatabase, store: ImageStore, fetching: Fetching) -> None:
    require("aiohttp", extra="download")
    from openmolmo.engine.download.driver import Settings, download

    settings = Settings(public_only=not fetching.private, tries=fetching.tries, backoff=fetching.backoff)
    download(database, store, settings)
