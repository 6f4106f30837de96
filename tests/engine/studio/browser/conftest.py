"""Browser tests: Debian's Chromium, a real studio on each kind of database, and what is fetched from npm.

    def test_something(studio: Studio, page: Page): ...     # the sample project, SQLite and PostgreSQL
    def test_shell(toy_studio: Studio, new_page): ...       # the toy mode only

A machine without Chromium, Playwright or npm skips, with a sentence. Screenshots go to ``OPENMOLMO_SCREENSHOTS``, or
to a temporary folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_process import Studio

from browsing import watched_pages

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.path).is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def new_page(launch: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """``new_page(**options)``: a page of a person of their own (cookies, storage); ``flags`` are the browser's.

    A script error or a refusal by the page's policy fails the test.
    """
    with watched_pages(90) as make:  # a busy machine is no fault of a page

        def page_of(*, flags: tuple[str, ...] = (), **options: Any) -> Any:
            return make(launch(*flags), ignore_https_errors=True, **options)

        yield page_of


@pytest.fixture
def page(new_page: Callable[..., Any]) -> Any:
    """One page."""
    return new_page()


@pytest.fixture
def studio(tmp_path: Path, database_url: str) -> Iterator[Studio]:
    """The sample project, as ``openmolmo studio serve`` makes it, on each kind of database."""
    with Studio(tmp_path / "studio", database_url).running() as started:
        yield started


@pytest.fixture
def toy_studio(tmp_path: Path, database_url: str) -> Iterator[Studio]:
    """The toy mode alone, without a worker."""
    with Studio(tmp_path / "studio", database_url, toys=True, options=("--no-worker",)).running() as started:
        yield started


@pytest.fixture(scope="session")
def barriers(node_modules: Path) -> Callable[[Any], list[str]]:
    """``barriers(page)``: what axe-core calls serious or critical on a page, in words."""
    source = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")

    def look(page: Any) -> list[str]:
        page.evaluate(source)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{one['id']} ({one['impact']}): {one['help']}: {[node['target'] for node in one['nodes']]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    return look
