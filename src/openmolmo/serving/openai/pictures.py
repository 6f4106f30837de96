"""Pictures of a request: ``data:`` addresses, and with leave addresses of named hosts; never a path.

What is passed on are bytes whose header was read: a picture, and not too large.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from openmolmo.core.errors import ImageError
from openmolmo.core.optional import require
from openmolmo.pictures import header_size
from openmolmo.pictures.addresses import from_address
from openmolmo.serving.openai.failures import APIError, invalid
from openmolmo.serving.openai.settings import ServeSettings

__all__ = ["read_pictures"]

_FETCH_SECONDS = 20.0
_CONNECTIONS = 8


async def read_pictures(addresses: Sequence[str], settings: ServeSettings) -> list[bytes]:
    """The bytes of pictures, in order. Raises APIError, which names the picture."""
    if len(addresses) > settings.max_images:
        raise invalid(f"{len(addresses)} pictures are sent, at most {settings.max_images} are taken", "messages")
    web = [place for place, address in enumerate(addresses) if address[:5].lower() != "data:"]
    for place in web:
        _check_address(addresses[place], place + 1, settings)
    found = dict(zip(web, await _fetched([addresses[place] for place in web], settings), strict=True))
    return await asyncio.to_thread(_checked, addresses, found, settings)


def _checked(addresses: Sequence[str], fetched: dict[int, bytes], settings: ServeSettings) -> list[bytes]:
    pictures, pixels = [], 0
    for place, address in enumerate(addresses):
        name = f"picture {place + 1}"
        data = fetched[place] if place in fetched else _data(address, name)
        width, height = header_size(data, max_pixels=settings.max_pixels, name=name)
        pixels += width * height
        if pixels > settings.max_all_pixels:
            raise APIError(
                413,
                f"the pictures have more than {settings.max_all_pixels} pixels together; send fewer or smaller ones",
                param="messages",
                code="invalid_image",
            )
        pictures.append(data)
    return pictures


def _data(address: str, name: str) -> bytes:
    try:
        data = from_address(address)
    except ImageError as error:
        raise invalid(f"{name}: {error.message}", "messages", "invalid_image_url") from error
    assert isinstance(data, bytes)  # it begins with data:
    return data


def _check_address(address: str, number: int, settings: ServeSettings) -> None:
    """Refuse everything but addresses of hosts that were named; of the address nothing is repeated."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        raise invalid(f"picture {number} has an address that is none", "messages", "invalid_image_url") from None
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise invalid(
            f"picture {number} must be sent as data:image/...;base64,...; paths and file: addresses are not read",
            "messages",
            "invalid_image_url",
        )
    if host not in settings.allow_urls:
        raise invalid(
            f"picture {number} lies at an address that is not fetched here; send it as data:image/...;base64,...",
            "messages",
            "invalid_image_url",
        )


async def _fetched(addresses: Sequence[str], settings: ServeSettings) -> list[bytes]:
    if not addresses:
        return []
    require("aiohttp", extra="download")
    from openmolmo.engine.download.client import Client, Timeouts
    from openmolmo.engine.download.states import FetchFailed, State

    limit = int(settings.max_body_mb * 1e6)
    patience = Timeouts(connect=5.0, read=10.0, total=_FETCH_SECONDS)
    async with Client(
        connections=_CONNECTIONS,
        max_bytes=limit,
        timeouts=patience,
        opt_out=False,  # a person asks about one picture, nothing is collected
        public_only=True,
        hosts=frozenset(settings.allow_urls),
    ) as client:
        try:
            # One after another: the limit on bytes then holds for all of them in memory, and one failure ends it.
            pictures = [await client.picture(address) for address in addresses]
        except FetchFailed as error:
            status = 413 if error.state == State.TOO_LARGE else 400
            # Why is told by its kind alone: details would make this server a scanner of other people's networks.
            message = f"a picture's address could not be fetched ({error.state.value})"
            raise APIError(status, message, param="messages", code="invalid_image_url") from error
    if sum(map(len, pictures)) > limit:
        raise APIError(413, f"the fetched pictures have more than {limit} bytes", param="messages")
    return pictures
