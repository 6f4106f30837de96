"""Classes that differ from a library's in a few methods, made for objects that the library has built."""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["with_mixin"]


@cache
def with_mixin(kind: type, mixin: type) -> type:
    """A class of ``kind``'s name in which ``mixin`` goes first; its objects can be pickled and copied.

    The name stays, because device maps and sharding look layers up by their class's name.
    """
    return type(kind.__name__, (mixin, kind), {"__module__": kind.__module__, "__reduce_ex__": _reduce})


def _reduce(made: Any, _: Any) -> tuple[Any, ...]:
    # Under that name pickle would find the library's class, not this one.
    mixin, kind = type(made).__bases__
    return _blank, (kind, mixin), made.__dict__


def _blank(kind: type, mixin: type) -> Any:
    return object.__new__(with_mixin(kind, mixin))
