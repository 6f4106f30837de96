"""Pointing and checking as people do it in a browser: by mouse, by keyboard alone, with fingers on a small screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import databases
import pytest
from picture_page import PicturePage
from pointing_project import DOT, DOTS, FOUND, fill, invitation, newest
from studio_process import Studio, come_in

from openmolmo.engine.studio.store.database import Database, upgrade

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@dataclass(frozen=True, kw_only=True)
class Here:
    """A running studio with the project of dots, and its database."""

    studio: Studio
    database: Database

    def open(self, page: Any, mode: str, name: str, *, role: str = "annotator", lang: str = "") -> PicturePage:
        """Let a new person in, and give them their first task."""
        come_in(page, invitation(self.database, self.studio.address, role), name)
        page.goto(f"{self.studio.address}/work/{mode}")
        return PicturePage(page)


ON_SQLITE = pytest.mark.parametrize("here", ["sqlite"], indirect=True)
"""For what happens in the browser alone, whatever the database."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def here(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    directory = tmp_path_factory.mktemp("studio")
    url = f"sqlite:///{directory / 'studio.sqlite'}"
    if request.param == "postgresql":
        url = databases.fresh_database(request.getfixturevalue("postgresql"))
    database = upgrade(url)
    fill(directory, database)
    with Studio(directory, url, options=("--no-worker",)).running() as studio:
        yield Here(studio=studio, database=database)
    database.close()


def close(points: list[dict[str, float]], places: list[tuple[float, float]], within: float = 0.4) -> None:
    """The points lie at these places, in any order."""
    got = sorted((point["x"], point["y"]) for point in points)
    assert len(got) == len(places), (got, places)
    for mine, theirs in zip(got, sorted(places), strict=True):
        assert mine == pytest.approx(theirs, abs=within)


def test_click_name_and_click_every_other(here: Here, page: Any) -> None:
    work = here.open(page, "point", "Mouse")
    work.click(*DOTS[0])
    page.keyboard.type(" Dots. ")
    page.keyboard.press("Enter")
    assert work.names() == ["dots"]
    work.click(*DOTS[1])
    work.click(90, 10)
    work.click(*DOTS[2])
    assert work.counts() == ["4 points"]
    work.click(90, 10, button="right")  # it was none
    assert work.counts() == ["3 points"]
    work.drag(DOTS[2], (80, 80))
    assert work.marks() == 3
    page.get_by_role("button", name="Undo").click()  # the drag
    page.keyboard.press("Control+z")  # the right button
    assert work.counts() == ["4 points"]
    page.keyboard.press("Control+Shift+z")
    assert work.counts() == ["3 points"]
    page.get_by_role("button", name="New thing").click()
    work.click(30, 30)
    page.keyboard.type("field")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="New thing").click()
    work.click(40, 30)
    page.keyboard.type("Field")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="put them together").click()
    work.wait_counts("3 points", "2 points")
    page.locator("#suggestions").get_by_role("button", name="umbrella").click()
    page.get_by_label("What is not there?").fill("Dots")
    page.keyboard.press("Enter")
    assert "remove its points first" in page.locator("#absent-said").inner_text()
    work.hand_in()
    done = newest(here.database, "point")
    assert done.state == "submitted"
    assert done.picture == "plain"
    assert [group["label"] for group in done.payload["groups"]] == ["dots", "field"]
    close(done.payload["groups"][0]["points"], list(DOTS))
    close(done.payload["groups"][1]["points"], [(30, 30), (40, 30)])
    assert done.payload["absent"] == ["umbrella"]


@ON_SQLITE
def test_the_keyboard_is_enough(here: Here, page: Any) -> None:
    work = here.open(page, "point", "Keyboard")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('picture-view')"):
            break
    press = page.keyboard.press
    press("Enter")  # the crosshair comes, in the middle
    press("Enter")
    page.keyboard.type("spot")
    press("Enter")
    for key in ("Shift+ArrowRight", "ArrowDown", "Alt+ArrowDown", "Enter"):
        press(key)
    assert work.counts() == ["2 points"]
    box = work.box()
    across, down = 48 / box["width"] * 100, 7 / box["height"] * 100
    press("m")  # pick the newer one up
    for key in ("Shift+ArrowRight", "Enter"):
        press(key)
    press("Escape")
    press(".")
    press("Delete")  # the first
    assert work.counts() == ["1 point"]
    press("u")
    assert work.counts() == ["2 points"]
    press("n")
    press("ArrowLeft")
    press("Enter")
    page.keyboard.type("thing")
    press("Enter")
    press("a")
    page.keyboard.type("Dog")
    press("Enter")
    press("Escape")
    with page.expect_navigation():
        press("Control+Enter")
    done = newest(here.database, "point")
    assert [group["label"] for group in done.payload["groups"]] == ["spot", "thing"]
    first, second = done.payload["groups"][0]["points"]
    close([first], [(50, 50)], 0.05)
    close([second], [(first["x"] + 2 * across, first["y"] + down)], 0.001)
    assert done.payload["absent"] == ["dog"]


@ON_SQLITE
def test_fingers_on_a_small_screen(here: Here, new_page: Callable[..., Any], screenshots: Path) -> None:
    page = new_page(**PHONE)
    work = here.open(page, "point", "Fingers")
    page.touchscreen.tap(*work.spot(*DOTS[1]))
    page.keyboard.type("dot")
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    before = work.box()["width"]
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *spots: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(spots)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    (x, y) = work.spot(50, 50)
    fingers("touchStart", (x - 40, y), (x + 40, y))
    for apart in (60, 90, 120):
        fingers("touchMove", (x - apart, y), (x + apart, y))
    fingers("touchEnd")
    wide = "document.querySelector('.picture-stage img').getBoundingClientRect().width"
    work.until(f"(must) => Math.abs({wide} / must - 1) < 0.05", before * 3)
    assert work.counts() == ["1 point"]  # two fingers set nothing
    (x, y) = work.spot(40, 60)
    fingers("touchStart", (x, y))
    page.wait_for_selector(".picture-loupe:not([hidden])")
    fingers("touchMove", (x + 20, y + 10))
    page.screenshot(path=screenshots / "point-loupe-phone.png")
    target = x + 20, y + 10
    fingers("touchEnd")
    assert work.counts() == ["2 points"]
    box = work.box()
    place = ((target[0] - box["x"]) / box["width"] * 100, (target[1] - box["y"]) / box["height"] * 100)
    (x, y) = work.spot(50, 50)
    fingers("touchStart", (x, y))
    fingers("touchMove", (x + 60, y))
    fingers("touchEnd")  # one finger moves the picture
    assert work.counts() == ["2 points"]
    work.hand_in()
    close(newest(here.database, "point").payload["groups"][0]["points"], [DOTS[1], place], 0.3)


@ON_SQLITE
@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_percent_is_exact(here: Here, new_page: Callable[..., Any], ratio: float) -> None:
    page = new_page(device_scale_factor=ratio)
    work = here.open(page, "point", f"Exact {ratio}")
    for picture in ("plain", "turned", "large"):
        expected = []
        for dot, zoom in ((0, 0), (1, 500), (2, 1500)):
            page.get_by_role("button", name="Fit").click()
            page.mouse.move(*work.spot(*DOTS[dot]))
            if zoom:
                page.mouse.wheel(0, -zoom)
            box = work.box()
            seen = work.seen_dots(DOT, ratio)
            # The nearest seen dot to where it must be.
            must = work.spot(*DOTS[dot])
            spot = min(seen, key=lambda at: abs(at[0] - must[0]) + abs(at[1] - must[1]))
            page.mouse.click(*spot)
            exact = ((spot[0] - box["x"]) / box["width"] * 100, (spot[1] - box["y"]) / box["height"] * 100)
            # A dot's edge is known to a pixel of the screen, or of the picture where that is larger.
            pixels = 1.5 * max(
                1 / ratio, box["width"] / page.evaluate("document.querySelector('.picture-stage img').width")
            )
            assert exact == pytest.approx(DOTS[dot], abs=pixels / min(box["width"], box["height"]) * 100)
            expected.append(exact)
            if dot == 0:
                page.keyboard.type("dot")
                page.keyboard.press("Enter")
        work.hand_in()
        done = newest(here.database, "point")
        assert done.picture == picture
        close(done.payload["groups"][0]["points"], expected, 0.0005)


def test_a_reload_goes_on_and_two_tabs_do_not_lose_work(here: Here, page: Any) -> None:
    work = here.open(page, "point", "Tabs")
    work.click(*DOTS[0])
    page.keyboard.type("half a na")  # no Enter
    page.reload()
    work = PicturePage(page)
    assert work.names() == ["half a na"]
    assert work.marks() == 1
    page.locator("#saved", has_text="Saved").wait_for()
    other = page.context.new_page()
    other.goto(page.url)
    there = PicturePage(other)
    assert there.names() == ["half a na"]
    there.click(*DOTS[1])
    other.locator("#saved", has_text="Saved").wait_for()
    work.click(*DOTS[2])
    page.get_by_role("button", name="The saved one").click()
    page.locator("#saved", has_text="Saved").wait_for()
    assert work.marks() == 2
    work.click(*DOTS[2])
    assert work.marks() == 3
    page.get_by_label("What is it? (1)").fill("dot")
    page.keyboard.press("Enter")
    page.locator("#saved", has_text="Saved").wait_for()
    page.reload()
    work = PicturePage(page)
    page.get_by_role("button", name="Undo").click()
    assert work.names() != ["dot"], "what was done before the reload can be undone"
    page.get_by_role("button", name="Redo").click()
    assert work.names() == ["dot"]
    work.hand_in()
    close(newest(here.database, "point").payload["groups"][0]["points"], list(DOTS))


@ON_SQLITE
def test_unfinished_work_is_told_in_the_persons_language(here: Here, new_page: Callable[..., Any]) -> None:
    page = new_page(locale="de-DE")
    work = here.open(page, "point", "Deutsch")
    work.click(*DOTS[0])
    page.get_by_role("button", name="Abgeben").click()
    page.get_by_text("Einige Dinge haben noch keinen Namen (Punkte: 1)").wait_for()
    assert work.marks() == 1


@ON_SQLITE
def test_a_task_that_asks_for_labels(here: Here, page: Any) -> None:
    work = here.open(page, "point", "Asked")
    for _ in range(3):
        page.locator("#suggestions button").first.click()
        work.hand_in()
        work = PicturePage(page)
    assert page.locator(".thing-name").all_inner_texts() == ["dot", "dog"]
    work.click(*DOTS[0])
    work.click(*DOTS[1])
    page.get_by_role("button", name="Hand in").click()
    page.get_by_text("“dog” has no points").wait_for()
    page.get_by_role("button", name="Not there").click()
    assert work.counts() == ["2 points", "Not in the picture"]
    work.hand_in()
    done = newest(here.database, "point").payload
    assert [group["label"] for group in done["groups"]] == ["dot"]
    assert done["absent"] == ["dog"]
    page.get_by_text("All done").first.wait_for()


@pytest.mark.parametrize("how", ["confirm", "mend", "reject"])
def test_a_count_is_checked(here: Here, page: Any, how: str) -> None:
    work = here.open(page, "count_check", f"Counter {how}")
    assert page.locator("#count").inner_text() == "2"
    if how == "mend":
        work.click(*DOTS[2])
        assert page.locator("#count").inner_text() == "3"
        page.get_by_role("button", name="As found").click()
        assert page.locator("#count").inner_text() == "2"
        page.keyboard.press("u")
    if how == "reject":
        page.get_by_label("Cannot be counted").check()
        page.get_by_role("button", name="Hand in").click()
        page.get_by_text("why this cannot be counted").wait_for()
        page.get_by_label("Why?").fill("too small")
    work.hand_in()
    done = newest(here.database, "count_check").payload
    assert done["verdict"] == {"confirm": "confirmed", "mend": "mended", "reject": "rejected"}[how]
    close(done["points"], [(p["x"], p["y"]) for p in FOUND] + ([DOTS[2]] if how == "mend" else []))
    assert done["reason"] == ("too small" if how == "reject" else "")


@pytest.mark.parametrize("how", ["accept", "edit", "reject"])
def test_an_answer_is_checked(here: Here, page: Any, how: str) -> None:
    work = here.open(page, "qa_check", f"Reader {how}")
    page.get_by_role("button", name="Hand in").click()
    page.get_by_text("Say first whether question and answer are right").wait_for()
    page.locator("h1").click()
    page.keyboard.press("x" if how == "reject" else "r")
    if how == "reject":
        page.keyboard.type("there are three")
    if how == "edit":
        page.get_by_label("Answer", exact=True).fill("Three.")
        assert page.get_by_text("You changed the words.").is_visible()
    work.hand_in()
    done = newest(here.database, "qa_check").payload
    assert done["verdict"] == {"accept": "accepted", "edit": "edited", "reject": "rejected"}[how]
    assert done["answer"] == ("Three." if how == "edit" else "Two.")
    assert done["reason"] == ("there are three" if how == "reject" else "")


def test_a_reviewer_mends(here: Here, new_page: Callable[..., Any], screenshots: Path) -> None:
    page = new_page()
    work = here.open(page, "count_check", "Worker")
    work.hand_in()
    reviewer = new_page()
    come_in(reviewer, invitation(here.database, here.studio.address, "reviewer"), "Reviewer")
    reviewer.goto(f"{here.studio.address}/review?mode=count_check")
    reviewer.locator("a[href^='/review/']", has_text="").last.click()
    there = PicturePage(reviewer)
    there.click(*DOTS[2])
    reviewer.screenshot(path=screenshots / "count_check-review.png", full_page=True)
    with reviewer.expect_navigation():
        reviewer.get_by_role("button", name="Save as mended").click()
    assert newest(here.database, "count_check").payload["verdict"] == "mended"


@ON_SQLITE
@pytest.mark.parametrize("shape", ["wide", "wide_dark", "phone", "phone_dark_de"])
def test_pages_look_right(
    here: Here, new_page: Callable[..., Any], screenshots: Path, barriers: Callable[[Any], list[str]], shape: str
) -> None:
    options: dict[str, Any] = dict(PHONE) if "phone" in shape else {}
    page = new_page(
        **options,
        color_scheme="dark" if "dark" in shape else "light",
        **({"locale": "de-DE"} if shape.endswith("_de") else {}),
    )
    weights: list[int] = []
    page.on(
        "response",
        lambda answer: weights.append(
            int(answer.headers.get("content-length", 0)) if "/pictures/" not in answer.url else 0
        ),
    )
    come_in(page, invitation(here.database, here.studio.address), f"Looker {shape}")
    for mode in ("point", "count_check", "qa_check"):
        weights.clear()
        page.goto(f"{here.studio.address}/work/{mode}")
        work = PicturePage(page)
        page.wait_for_load_state("networkidle")
        assert sum(weights) < 150_000
        shift = page.evaluate(
            "new Promise((answer) => { let sum = 0; new PerformanceObserver((list) => { for (const one of"
            " list.getEntries()) sum += one.value; }).observe({ type: 'layout-shift', buffered: true });"
            " setTimeout(() => answer(sum), 150); })"
        )
        assert shift < 0.02
        page.screenshot(path=screenshots / f"{mode}-empty-{shape}.png", full_page=True)
        if mode == "point":
            for label, places in (("dot", DOTS), ("soft field", ((30, 40), (70, 40)))):
                for number, place in enumerate(places):
                    work.click(*place)
                    if not number:
                        page.keyboard.type(label)
                        page.keyboard.press("Enter")
                page.keyboard.press("n")
            page.locator("#suggestions button").first.click()
            page.locator("#suggestions button").first.click()
            work.view.focus()
            page.keyboard.press("1")
            for key in ("l", "ArrowUp", "Shift+ArrowLeft"):
                page.keyboard.press(key)
        if mode == "count_check":
            page.locator("#reject").check()
        if mode == "qa_check":
            page.locator("#wrong").check()
        page.screenshot(path=screenshots / f"{mode}-{shape}.png", full_page=True)
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert not page.evaluate("document.body.innerText.match(/\\b(modes|point|count_check|qa_check)\\.[a-z_]+/g)")
        page.keyboard.press("Escape")
        page.locator("[data-action=help]").click()
        page.screenshot(path=screenshots / f"{mode}-help-{shape}.png")
