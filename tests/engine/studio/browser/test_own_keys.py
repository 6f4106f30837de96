"""Keys of one's own: chosen on the account page by pressing them, and then meant and shown on every page of work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from studio_process import Studio, come_in


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Keys do not depend on the database."""
    return f"sqlite:///{tmp_path / 'studio.sqlite'}"


def test_keys_that_somebody_chose(
    studio: Studio, page: Any, barriers: Callable[[Any], list[str]], screenshots: Path
) -> None:
    come_in(page, studio.link, "Ada")
    page.goto(f"{studio.address}/account")
    for action, key in (("picture.set", "w"), ("point.absent", "b"), ("qa_check.right", "G"), ("picture.loupe", "F7")):
        page.locator(f"[name='key.{action}']").press(key)
    page.screenshot(path=screenshots / "account-keys.png", full_page=True)
    assert barriers(page) == []
    page.locator("#keys").get_by_role("button", name="Save").click()
    assert page.locator("[name='key.qa_check.right']").input_value() == "g"
    assert page.locator("[name='key.picture.loupe']").input_value() == "F7"
    page.locator("[name='key.point.new']").press("w")
    page.locator("#keys").get_by_role("button", name="Save").click()
    page.get_by_role("alert").filter(has_text="same key").wait_for()

    page.goto(f"{studio.address}/work/qa_check")
    page.locator(".work-parts:not([inert])").wait_for()
    assert page.locator("label:has(#right) kbd").text_content() == "G"
    page.locator("h1").click()
    page.keyboard.press("r")
    assert not page.locator("#right").is_checked(), "its first key means nothing now"
    page.keyboard.press("g")
    assert page.locator("#right").is_checked()

    page.goto(f"{studio.address}/work/point")
    page.locator(".work-parts:not([inert])").wait_for()
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.id") != "absent-name"
    page.keyboard.press("b")
    assert page.evaluate("document.activeElement.id") == "absent-name"
    page.locator(".picture [tabindex='0']").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("w")  # the crosshair
    page.keyboard.press("w")
    page.locator("#things li").first.wait_for()
    assert page.locator("#things li").count() == 1
