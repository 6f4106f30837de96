"""The application without a server: the toy mode, people of each role, and a clock that tests turn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import argon2
import toy_mode
from PIL import Image
from starlette.testclient import TestClient

from openmolmo.engine.studio import accounts
from openmolmo.engine.studio.app.context import AppContext
from openmolmo.engine.studio.app.create import create_app
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.database import Database, upgrade
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["Browser", "Room", "make_room"]

ADDRESS = "http://localhost:8000"


@dataclass(frozen=True)
class ToyPages(toy_mode.ToyMode):
    """The toy mode with the pages of a package of its own."""

    package: str = "toy_pages"


class Browser:
    """Somebody's browser: cookies, and the secret that changes repeat."""

    def __init__(self, app: Any, address: str = ADDRESS) -> None:
        self.client = TestClient(app, base_url=address, raise_server_exceptions=False)
        self.csrf = ""

    def get(self, url: str, **options: Any) -> Any:
        return self.client.get(url, **options)

    def form(self, url: str, **fields: str) -> Any:
        """Send a form, as a page of the studio would."""
        return self.client.post(url, data={"csrf": self.csrf, **fields})

    def call(self, url: str, body: Any = None) -> Any:
        """Call as ``api.js`` does."""
        return self.client.post(url, json=body, headers={"X-CSRF": self.csrf})

    def enter(self, token: str, name: str = "") -> Any:
        """Use a link."""
        answer = self.client.post(f"/join/{token}", data={"name": name})
        found = re.search(r'<meta name="csrf" content="([^"]+)"', answer.text)
        self.csrf = found[1] if found else ""
        return answer

    def take(self, mode: str = toy_mode.NAME) -> dict[str, Any]:
        """The data block of the next task."""
        import json

        page = self.get(f"/work/{mode}")
        found = re.search(r'<script type="application/json" id="task">(.*?)</script>', page.text, re.DOTALL)
        assert found is not None, page.text
        return dict(json.loads(found[1]))


@dataclass
class Room:
    """A studio with four toy tasks."""

    app: Any
    database: Database
    directory: Path
    settings: StudioSettings
    time: float = 1_000_000.0

    def browser(self, address: str = ADDRESS) -> Browser:
        return Browser(self.app, address)

    def link(self, role: str = "annotator", **options: Any) -> str:
        with self.database.begin() as rows:
            return accounts.invite(rows, role=role, now=self.time, **options)

    def person(self, name: str, role: str = "annotator") -> Browser:
        """Somebody who came in by a link."""
        browser = self.browser()
        answer = browser.enter(self.link(role), name)
        assert answer.status_code == 200, answer.text
        return browser


def make_room(directory: Path, monkeypatch: Any, **settings: Any) -> Room:
    """A new studio in ``directory``."""
    MODES.register(toy_mode.NAME, ToyPages())
    chosen = StudioSettings(directory=directory, **settings)
    database = upgrade(chosen.database_url)
    with database.begin() as rows:
        toy_mode.fill(rows, tasks=4, people=0)
    (directory / "pictures").mkdir()
    Image.new("RGB", (64, 48), "red").save(directory / "pictures/0.png")
    room = Room(create_app(chosen, database), database, directory, chosen)
    monkeypatch.setattr(AppContext, "now", lambda _: room.time)
    quick = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", lambda: quick)
    return room
