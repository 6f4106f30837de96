"""robots.txt of each host, fetched once a run and asked before each of its pictures."""

from __future__ import annotations

import asyncio
import urllib.robotparser
from urllib.parse import urlsplit

from openmolmo.engine.download.client import AGENT, Client
from openmolmo.engine.download.states import FetchFailed, State

__all__ = ["Robots"]


class Robots:
    """Whether a URL may be fetched. No robots.txt (any 4xx) permits everything, as RFC 9309 has it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rules: dict[str, asyncio.Task[urllib.robotparser.RobotFileParser]] = {}

    async def check(self, url: str) -> None:
        """Raises :class:`FetchFailed`: opted out, or transient while robots.txt cannot be had."""
        parts = urlsplit(url)
        root = f"{parts.scheme}://{parts.netloc}"
        if root not in self._rules:
            self._rules[root] = asyncio.create_task(self._read(root))
        try:
            rules = await asyncio.shield(self._rules[root])
        except FetchFailed as failure:
            self._rules.pop(root, None)  # the next one asks again
            raise FetchFailed(
                State.TRANSIENT, f"robots.txt: {failure.detail}", retry_after=failure.retry_after
            ) from None
        if not rules.can_fetch(AGENT, url):
            raise FetchFailed(State.OPTED_OUT, "robots.txt asks not to fetch it")

    async def _read(self, root: str) -> urllib.robotparser.RobotFileParser:
        rules = urllib.robotparser.RobotFileParser()
        try:
            rules.parse((await self._client.text(f"{root}/robots.txt")).removeprefix("\ufeff").splitlines())
        except FetchFailed as failure:
            if failure.state is State.TRANSIENT:
                raise
            rules.parse([])
        return rules
