"""Shared test settings: one thread per process, so that two test processes fit two cores."""

from __future__ import annotations

import gc
import os
import signal

import pytest
from hypothesis import settings

from browsing import launch, node_modules, screenshots
from openmolmo.cli import hush_libraries

__all__ = ["launch", "node_modules", "screenshots"]  # fixtures; one browser's driver for all tests of a process

gc.disable()  # while everything is imported: a fifth of that time went into looking for garbage among modules
hush_libraries()
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # from `make test &`; programs inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# A busy machine is no fault of the code: time is bounded for whole tests, not for each case of one.
settings.register_profile("openmolmo", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=1000)  # HYPOTHESIS_PROFILE=thorough make test
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "openmolmo"))


def pytest_configure(config: pytest.Config) -> None:
    """Tests without the mark ``gpu`` are about processors, on a machine with an accelerator too."""
    chosen = config.getoption("markexpr")
    if "gpu" not in chosen or "not gpu" in chosen:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_finish() -> None:
    """What was imported stays: looking through it at every collection of garbage took a seventh of all time."""
    gc.collect()
    gc.freeze()
    gc.enable()
