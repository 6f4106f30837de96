"""The chat page looks right: usable by everybody, on a phone, in the dark, in German; nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browsing import check_modules

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from chat_page import ChatPage
from speaking_server import Reply, Speaker

from openmolmo.serving import chat as chat_room

pytestmark = pytest.mark.browser

STATIC = Path(chat_room.__file__).parent / "static"
LARGEST = 150_000
TEXT = (
    'Counting the <points x1="10.7" y1="36.9" x2="40.4" y2="88.9" x3="46.7" y3="17.4" x4="54.9" y4="42.4" alt="key">'
    "keys</points> shows a total of 4."
)
TOUCH = {"has_touch": True, "is_mobile": True}
SHAPES: dict[str, dict[str, Any]] = {
    "wide": {},
    "wide_dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, **TOUCH, "device_scale_factor": 2},
    "phone_dark_de": {"viewport": {"width": 360, "height": 640}, **TOUCH, "color_scheme": "dark", "locale": "de-DE"},
    "zoomed": {"viewport": {"width": 320, "height": 256}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_it_looks_right(
    speaker: Speaker, new_page: Callable[..., Any], screenshots: Path, node_modules: Path, shape: str
) -> None:
    points = [{"label": "keys", "image": 0, "x": 10.7, "y": 36.9, "confidence": 0.4}]
    speaker.replies = [
        Reply(pieces=(TEXT,), found=None),
        Reply(status=429, error="8 requests are waiting"),
        Reply(pieces=("None.",), found={"points": points, "count": 0, "dropped": 1}),
    ]
    page = new_page(**SHAPES[shape])
    answers: list[tuple[str, int]] = []
    page.on("response", lambda one: answers.append((one.url, int(one.headers.get("content-length", 0)))))
    chat = ChatPage(page, speaker.address)
    page.wait_for_load_state("networkidle")
    assert sum(size for _, size in answers) < LARGEST
    axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    faults = look(page, f"{shape}-empty", screenshots, axe)
    chat.ask_sample("keys")
    faults += look(page, f"{shape}-points", screenshots, axe)
    for _ in range(2):
        chat.ask_sample("keys")
    page.locator(".number").last.focus()
    faults += look(page, f"{shape}-several", screenshots, axe)
    page.locator("#settings-open").click()
    faults += look(page, f"{shape}-settings", screenshots, axe)
    faults += [f"asks {url}" for url, _ in answers if not url.startswith((speaker.address, "blob:"))]
    assert not faults, "\n".join(faults)
    assert page.locator("html").get_attribute("lang") == ("de" if shape.endswith("_de") else "en")


def look(page: Any, name: str, folder: Path, axe: str) -> list[str]:
    """Screenshot a page; what is wrong with it, in words."""
    page.wait_for_timeout(250)
    page.screenshot(path=folder / f"{name}.png")
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    faults = [
        f"{name}: {one['id']} ({one['impact']}): {one['help']}: {[node['target'] for node in one['nodes']]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    wide, view = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    if wide > view:
        faults.append(f"{name}: {wide} pixels wide, on a screen of {view}")
    if keys := page.evaluate("document.body.innerText.match(/\\b(page|way|answer|knows|error|store)\\.[a-z_]+/g)"):
        faults.append(f"{name}: shows the names of texts: {keys}")
    return faults


def test_modules_keep_their_types(node_modules: Path, tmp_path: Path) -> None:
    check_modules(node_modules, tmp_path, STATIC)
