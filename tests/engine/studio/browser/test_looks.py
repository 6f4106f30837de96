"""Every page: usable by everybody, on a phone, in the dark, in German; small; nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from studio_process import Studio, come_in

PAGES = {
    "home": "/",
    "work": "/work/toy",
    "mine": "/mine",
    "review": "/review",
    "review_one": "/review/1",
    "statistics": "/statistics",
    "people": "/people",
    "access": "/people/access",
    "project": "/project",
    "account": "/account",
    "not_secure": "/not-secure",
    "failure": "/nothing-here",
}
OUTSIDE = {"sign_in": "/sign-in", "link_over": "/join/unknown"}
LARGEST = 150_000
SHAPES = {
    "wide": {"viewport": {"width": 1280, "height": 800}},
    "phone_dark_de": {
        "viewport": {"width": 360, "height": 740},
        "color_scheme": "dark",
        "locale": "de-DE",
        "has_touch": True,
    },
}
SHIFTS = """() => new Promise((answer) => {
  let sum = 0;
  new PerformanceObserver((list) => { for (const one of list.getEntries()) sum += one.value; })
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => answer(sum), 150);
})"""


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Looks do not depend on the database."""
    return f"sqlite:///{tmp_path / 'studio.sqlite'}"


def test_every_page_looks_right(
    toy_studio: Studio,
    new_page: Callable[..., Any],
    screenshots: Path,
    barriers: Callable[[Any], list[str]],
) -> None:
    links = {"wide": toy_studio.link, "phone_dark_de": toy_studio.invite("admin")}
    hand_in_one(new_page(), toy_studio)
    faults: list[str] = []
    for shape, options in SHAPES.items():
        page = new_page(**options)
        weights: list[tuple[str, int]] = []
        page.on("response", lambda answer, weights=weights: weights.append(weighed(answer)))
        for name, address in OUTSIDE.items():
            faults += look(page, f"{name}-{shape}", toy_studio.address + address, screenshots, barriers)
        page.goto(links[shape])
        faults += look(page, f"join-{shape}", links[shape], screenshots, barriers)
        come_in(page, links[shape], f"Ada {shape}")
        for name, address in PAGES.items():
            weights.clear()
            faults += look(page, f"{name}-{shape}", toy_studio.address + address, screenshots, barriers)
            total = sum(size for url, size in weights if "/pictures/" not in url)
            if total > LARGEST:
                faults.append(f"{name}: {total} bytes")
            faults += [f"{name}: asks {url}" for url, _ in weights if not url.startswith(toy_studio.address)]
        if shape == "phone_dark_de":
            assert page.locator("html").get_attribute("lang") == "de"
    assert not faults, "\n".join(faults)


def weighed(answer: Any) -> tuple[str, int]:
    return answer.url, int(answer.headers.get("content-length", 0))


def hand_in_one(page: Any, studio: Studio) -> None:
    """So that there is something to review and to look back at."""
    come_in(page, studio.invite(), "Grace")
    page.goto(f"{studio.address}/work/toy")
    page.get_by_label("How many?").fill("4")
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_load_state()


def look(page: Any, name: str, address: str, folder: Path, barriers: Callable[[Any], list[str]]) -> list[str]:
    """Screenshot a page; what is wrong with it, in words."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    shift = page.evaluate(SHIFTS)  # before the picture of the whole page, for which the window grows
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    faults = [f"{name}: {barrier}" for barrier in barriers(page)]
    wide, view = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    if wide > view:
        faults.append(f"{name}: {wide} pixels wide, on a screen of {view}")
    if shift > 0.02:
        faults.append(f"{name}: its parts jump while it loads ({shift:.3f})")
    if keys := page.evaluate(
        "document.body.innerText.match(/\\b(pages|common|people|project|work|account)\\.[a-z_]+/g)"
    ):
        faults.append(f"{name}: shows the names of texts: {keys}")
    return faults
