"""Connections to public addresses only: what a stranger's list names must not reach into a private network.

The check stands where a connection is made, after names are resolved: it holds for redirects too, and for names
that answer differently the second time.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

__all__ = ["NotPublicError", "is_public", "public_socket"]

# Addresses that carry an IPv4 address inside: NAT64 and 6to4 may lead where that one leads.
_CARRIERS = (
    ipaddress.ip_network("64:ff9b::/96"),
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("2002::/16"),
)


class NotPublicError(OSError):
    """The address is of a private network, of this machine, or of no single host."""

    def __init__(self) -> None:
        super().__init__("not a public address")  # always the same: several addresses of a host give one error


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet: ``93.184.216.34`` is, ``10.0.0.1`` and ``::1`` are not."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    carried = isinstance(found, ipaddress.IPv6Address) and any(found in network for network in _CARRIERS)
    return found.is_global and not (found.is_multicast or found.is_reserved or carried)


def public_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket for an entry of ``getaddrinfo``, if its address is public; otherwise :class:`NotPublicError`."""
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise NotPublicError
    return socket.socket(family, kind, protocol)
