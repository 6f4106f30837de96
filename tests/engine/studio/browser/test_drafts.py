"""What people enter is never lost: closed tabs, two tabs, a lost network, a killed server, an ended sign-in or task."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from studio_process import Studio, come_in

FIELD = "#count"


def begin(page: Any, studio: Studio, name: str) -> None:
    come_in(page, studio.invite(), name)
    page.goto(f"{studio.address}/work/toy")
    ready(page)


def ready(page: Any) -> None:
    """Wait until the page takes what is entered."""
    page.locator(".work-parts:not([inert])").wait_for()


def saved(page: Any) -> None:
    """Wait until the studio has it."""
    page.locator("#saved", has_text="Saved").wait_for()


def shows(page: Any, count: str) -> None:
    """Wait until the field has that number."""
    from playwright.sync_api import expect

    expect(page.locator(FIELD)).to_have_value(count, timeout=30_000)


ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what happens in the browser alone, whatever the database."""


def test_a_task_from_the_link_to_the_review(toy_studio: Studio, new_page: Callable[..., Any]) -> None:
    ann, root = new_page(), new_page()
    come_in(root, toy_studio.link, "Root")
    begin(ann, toy_studio, "Ann")
    ann.keyboard.press("?")
    assert ann.get_by_role("dialog").is_visible()
    ann.keyboard.press("Escape")
    ann.locator(FIELD).fill("-1")
    ann.keyboard.press("Control+Enter")
    ann.locator(".toast.bad", has_text="Please enter how many").wait_for()
    assert ann.locator(FIELD).input_value() == "-1", "what is refused stays"
    ann.locator(FIELD).fill("4")
    ann.get_by_role("button", name="Hand in").click()
    ann.get_by_text("Done 1").wait_for()

    ann.get_by_role("button", name="Skip ...").click()
    ann.get_by_label("I do not want to look at this picture").check()
    ann.get_by_role("dialog").get_by_role("button", name="Skip", exact=True).click()
    ann.get_by_text("to do 2").wait_for()  # the one in hand, and one more

    root.goto(f"{toy_studio.address}/review")
    root.get_by_role("link", name="Look at it").first.click()
    shows(root, "4")
    root.get_by_role("button", name="Send back").click()
    root.locator(".toast.bad", has_text="Say in a sentence").wait_for()
    root.locator("#review-comment").fill("Look behind the tree.")
    root.get_by_role("button", name="Send back").click()
    root.get_by_text("Nothing waits for review").wait_for()

    ann.goto(toy_studio.address)
    ann.get_by_text("Came back to you: 1").wait_for()
    ann.goto(f"{toy_studio.address}/mine")
    ann.get_by_role("link", name="Go on").first.click()
    assert "Look behind the tree." in ann.locator("main").inner_text()
    shows(ann, "4")
    ann.locator(FIELD).fill("5")
    ann.get_by_role("button", name="Hand in").click()
    ann.get_by_text("Done 1").wait_for()

    root.goto(f"{toy_studio.address}/review/1")
    root.locator(FIELD).fill("6")
    root.get_by_role("button", name="Save as mended").click()
    root.get_by_text("Nothing waits for review").wait_for()
    ann.goto(f"{toy_studio.address}/mine/1")
    shows(ann, "6")
    assert ann.locator("[data-action=submit]").count() == 0, "finished work is to look at only"


def test_a_killed_server_loses_nothing(toy_studio: Studio, new_page: Callable[..., Any]) -> None:
    ann = new_page()
    begin(ann, toy_studio, "Ann")
    ann.locator(FIELD).fill("3")
    saved(ann)
    toy_studio.kill()
    ann.locator(FIELD).fill("8")
    ann.locator("#banner", has_text="No connection").wait_for()
    toy_studio.start()
    saved(ann)
    assert ann.locator("#banner").is_hidden()
    ann.evaluate("localStorage.clear()")
    ann.reload()
    shows(ann, "8")


@ON_SQLITE
def test_a_lost_network_and_a_closed_tab(toy_studio: Studio, new_page: Callable[..., Any]) -> None:
    ann = new_page()
    begin(ann, toy_studio, "Ann")
    ann.locator(FIELD).fill("1")
    saved(ann)
    ann.context.set_offline(True)
    ann.locator(FIELD).fill("2")
    ann.locator("#banner").wait_for()
    context = ann.context
    ann.close()  # nothing could be sent: the browser's own copy is all there is
    context.set_offline(False)
    again = context.new_page()
    again.goto(f"{toy_studio.address}/work/toy")
    shows(again, "2")
    saved(again)
    again.locator(FIELD).fill("7")
    again.goto(toy_studio.address)  # at once: the last words go out while the page closes
    again.evaluate("localStorage.clear()")
    end = time.monotonic() + 10
    value = ""
    while value != "7" and time.monotonic() < end:
        again.goto(f"{toy_studio.address}/work/toy")
        again.wait_for_load_state("networkidle")
        value = again.locator(FIELD).input_value()
    assert value == "7"


@ON_SQLITE
def test_an_answer_lost_on_the_way_asks_nothing(toy_studio: Studio, new_page: Callable[..., Any]) -> None:
    """The studio saved, but the page never heard of it: here and there stands the same, so there is no choice."""
    ann = new_page()
    begin(ann, toy_studio, "Ann")
    ann.locator(FIELD).fill("1")
    saved(ann)
    lost: list[str] = []

    def lose(route: Any) -> None:
        route.fetch()
        lost.append(ann.evaluate("JSON.stringify(localStorage)"))
        route.abort()

    ann.route("**/draft", lose, times=1)
    ann.locator(FIELD).fill("2")
    ann.locator("#banner", has_text="No connection").wait_for()
    saved(ann)
    assert ann.locator("#banner").is_hidden()
    assert ann.locator("dialog[open]").count() == 0
    shows(ann, "2")
    # The same, where the page was closed before it heard: its copy is still in the browser.
    ann.evaluate("kept => Object.assign(localStorage, JSON.parse(kept))", lost[0])
    ann.reload()
    saved(ann)
    assert ann.locator("dialog[open]").count() == 0
    shows(ann, "2")
    assert not ann.evaluate("Object.keys(localStorage).some(key => key.startsWith('studio.draft.'))")


@ON_SQLITE
def test_two_tabs_ask_which_one(toy_studio: Studio, new_page: Callable[..., Any]) -> None:
    one = new_page()
    begin(one, toy_studio, "Ann")
    two = one.context.new_page()
    two.goto(f"{toy_studio.address}/work/toy")
    ready(two)
    one.locator(".toast", has_text="open in another tab").wait_for()
    one.locator(FIELD).fill("1")
    saved(one)
    two.locator(FIELD).fill("2")
    two.get_by_role("dialog", name="Two versions").wait_for()
    two.keyboard.press("Escape")
    assert two.get_by_role("dialog", name="Two versions").is_visible(), "a choice is needed"
    two.get_by_role("button", name="The one on this page").click()
    saved(two)
    one.locator(FIELD).fill("3")
    one.get_by_role("button", name="The saved one").click()
    shows(one, "2")


@ON_SQLITE
def test_signed_out_and_shut_out_of_a_task(toy_studio: Studio, new_page: Callable[..., Any]) -> None:
    ann = new_page()
    begin(ann, toy_studio, "Ann")
    ann.locator(FIELD).fill("4")
    saved(ann)
    link = toy_studio.run("users", "reset", "Ann").strip().rpartition("/join/")[2]
    ann.locator(FIELD).fill("5")
    ann.get_by_role("dialog", name="You are signed out").wait_for()
    tab = ann.context.new_page()
    come_in(tab, f"{toy_studio.address}/join/{link}")
    ann.get_by_role("button", name="Try again").click()
    shows(ann, "5")
    saved(ann)
    tab.goto(f"{toy_studio.address}/work/toy")
    shows(tab, "5")
    tab.get_by_role("button", name="Hand in").click()
    tab.get_by_text("Done 1").wait_for()
    ann.locator(FIELD).fill("6")
    ann.get_by_role("dialog", name="This task is not yours any more").wait_for()
    ann.get_by_role("button", name="Next task").click()
    ann.get_by_text("Done 1").wait_for()
