"""Downloads that connect to public addresses only: by no name, number or redirect into a private network."""

from __future__ import annotations

import asyncio

import pytest

from faulty_server import LoopbackServer, picture
from openmolmo.engine.download import public
from openmolmo.engine.download.client import Client, Timeouts
from openmolmo.engine.download.states import FetchFailed, State


def fetch(*urls: str) -> list[bytes | FetchFailed]:
    async def ask() -> list[bytes | FetchFailed]:
        async with Client(connections=4, max_bytes=2**20, timeouts=Timeouts(total=5), public_only=True) as client:
            found = await asyncio.gather(*(client.picture(url) for url in urls), return_exceptions=True)
        assert all(isinstance(one, bytes | FetchFailed) for one in found), found
        return found  # type: ignore[return-value]

    return asyncio.run(ask())


def test_what_is_public() -> None:
    for address in ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "8.8.8.8"):
        assert public.is_public(address), address
    for address in (
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "ff02::1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::1", "a name"),
    ):
        assert not public.is_public(address), address


def test_names_numbers_and_redirects_do_not_lead_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a proxy would connect unseen
    with LoopbackServer() as server:
        port = server.ports[0]
        inside = [f"http://{host}:{port}/ok/1.jpg" for host in ("127.0.0.1", "localhost", "2130706433", "[::1]")]
        for one in fetch(*inside, f"http://127.1:{port}/ok/1.jpg"):
            assert isinstance(one, FetchFailed)
            assert one.state is State.GONE, one.detail
        assert not server.requests
        # As if this address were public: the redirect still does not reach the other one.
        monkeypatch.setattr(public, "is_public", lambda address: address == "127.0.0.1")
        good, redirected, moved = fetch(server.url("ok", 1), server.url("inwards", 2), server.url("moved", 3))
        assert (good, moved) == (picture(1), picture(3))
        assert isinstance(redirected, FetchFailed)
        assert "private network" in redirected.detail
        assert server.requests["/ok/2.jpg"] == 0
