"""A browser, a server that speaks, and what is fetched from npm (as the studio's tests fetch it).

A machine without Chromium, Playwright or npm skips, with a sentence. Screenshots go to ``OPENMOLMO_SCREENSHOTS``, or
to a temporary folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from speaking_server import Speaker

from browsing import watched_pages


@pytest.fixture(scope="session")
def chromium(launch: Callable[..., Any]) -> Any:
    return launch()


@pytest.fixture
def new_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """``new_page(**options)``: a page of a person of their own. A script error or a refusal by the policy fails."""
    with watched_pages(60) as make:
        yield partial(make, chromium)


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    """A server with one model, that of drawings."""
    with Speaker().running() as started:
        yield started
