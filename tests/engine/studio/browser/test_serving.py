"""The studio at an address: encrypted by itself or by Caddy as the how-to has it, and ended without leftovers."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from studio_process import Studio, come_in

from browsing import caddy

HOW_TO = Path(__file__).parents[4] / "docs/how-to/studio-for-a-team.md"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Serving does not depend on the database."""
    return f"sqlite:///{tmp_path / 'studio.sqlite'}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def works(page: Any) -> None:
    """The page may use the microphone, and what is entered is saved."""
    assert page.evaluate("isSecureContext && navigator.mediaDevices !== undefined")
    cookies = page.context.cookies()
    assert [(one["name"], one["secure"], one["httpOnly"]) for one in cookies] == [("__Host-studio", True, True)]
    page.get_by_role("link", name="Begin").first.click()
    page.locator(".work-parts:not([inert])").wait_for()
    page.locator("#count").fill("3")
    page.locator("#saved", has_text="Saved").wait_for()


def test_a_certificate_of_its_own(tmp_path: Path, database_url: str, new_page: Callable[..., Any]) -> None:
    studio = Studio(
        tmp_path / "studio", database_url, toys=True, options=("--no-worker", "--tls-self-signed", "--host", "0.0.0.0")
    )
    with studio.running():
        page = new_page()
        assert re.match(r"https://(?!0\.0\.0\.0)[\d.]+:", studio.link), "others can open the link"
        come_in(page, studio.link, "Root")
        works(page)
        first = fingerprint(studio)
    key = studio.directory / "tls/key.pem"
    assert key.stat().st_mode & 0o077 == 0
    with studio.running():
        assert fingerprint(studio) == first, "browsers warn once, not at each start"


def fingerprint(studio: Studio) -> str:
    found = re.search(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", "".join(studio.said))
    assert found is not None
    return found[0]


def test_behind_caddy_as_the_how_to_has_it(tmp_path: Path, database_url: str, new_page: Callable[..., Any]) -> None:
    recipe = re.search(r"```caddy\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL)
    assert recipe is not None
    inner, outer = free_port(), free_port()
    site = recipe[1].replace("studio.example.org {", f"localhost:{outer} {{\n    tls internal")
    plain = "{\n    admin off\n    skip_install_trust\n    auto_https disable_redirects\n}\n"
    options = ("--no-worker", "--public-url", f"https://localhost:{outer}")
    studio = Studio(tmp_path / "studio", database_url, toys=True, options=options, inner=f"http://127.0.0.1:{inner}")
    with caddy(tmp_path, plain + site.replace("127.0.0.1:8000", f"127.0.0.1:{inner}")), studio.running():
        page = new_page()
        assert studio.link.startswith(f"https://localhost:{outer}/join/")
        come_in(page, studio.link, "Root")
        works(page)
        page.goto(f"https://localhost:{outer}/people")
        page.get_by_role("button", name="Make a link").click()
        assert page.locator("#link").input_value().startswith(f"https://localhost:{outer}/join/")


def test_the_end_leaves_nothing_running(tmp_path: Path, database_url: str) -> None:
    studio = Studio(tmp_path / "studio", database_url, options=("--processes", "2"))
    studio.start()
    assert studio.process is not None
    group = studio.process.pid
    taken = Studio(tmp_path / "other", f"sqlite:///{tmp_path / 'other.sqlite'}", address=studio.address)
    with pytest.raises(AssertionError, match="cannot listen at"):
        taken.start()
    studio.process.terminate()
    assert studio.process.wait(timeout=30) == 0
    ends(group)
    assert "Traceback" not in "".join(studio.said)
    studio.start()
    group = studio.process.pid
    assert serving(group) >= 2, "two processes answer at the address, and a worker is beside them"
    studio.process.kill()
    studio.process.wait()
    ends(group)


def serving(group: int) -> int:
    """How many processes there are beside the first one."""
    return len(psutil.Process(group).children(recursive=True))


def ends(group: int) -> None:
    end = time.monotonic() + 60  # they begin slowly on a busy machine, and look for it only then
    while running(group) and time.monotonic() < end:
        time.sleep(0.1)
    assert not running(group), "workers and other server processes end with the first one"


def running(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
