"""How a text was made: what an example's provenance says of it, and its receipts."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from openmolmo.records.example import Made

__all__ = ["Origin", "host_class"]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Which model or program wrote a text, from which prompt and request.

    ``made`` goes into ``Provenance.made``, ``receipts()`` into ``Provenance.receipts``. ``host`` is "this machine",
    "private network", or a public server's name; ``served`` what the server calls the model that answered.
    """

    made: Made
    provider: str
    model: str
    host: str
    served: str = ""
    prompt: str = ""
    prompt_sha256: str = ""
    request_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "made": str(self.made)}

    def receipts(self, prefix: str = "llm") -> dict[str, str]:
        """What is known, as receipts: ``{"llm.provider": ..., "llm.model": ...}``; ``prefix`` tells texts apart."""
        values = {key: value for key, value in self.to_dict().items() if key != "made"}
        return {f"{prefix}.{key}": value for key, value in values.items() if value}


def host_class(url: str) -> str:
    """Where a server stands, without the names of machines that are not public; "" for no address."""
    name = urlsplit(url).hostname or "" if url else ""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        if name == "localhost" or name.endswith(".localhost"):
            return "this machine"
        inner = "." not in name or name.endswith((".local", ".internal", ".lan", ".home.arpa"))
        return "private network" if name and inner else name
    if address.is_loopback or address.is_unspecified:
        return "this machine"
    return "private network" if address.is_private or address.is_link_local else name
