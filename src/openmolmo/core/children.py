"""Processes that end with the one that started them, however that one ended."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import wait

__all__ = ["end_with_parent"]


def end_with_parent() -> None:
    """To be called in a process of :mod:`multiprocessing`: it ends as soon as its parent is gone.

    A process that waits for work from a pipe would otherwise wait for ever: it holds both ends itself.
    """
    threading.Thread(target=_watch, name="watching the parent", daemon=True).start()


def _watch() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
