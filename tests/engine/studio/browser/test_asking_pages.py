"""Asking, explaining and voting in a browser, with a language model that is well, slow, down or absent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import databases
import pytest
from asking_room import fill_asking
from fake_llm_server import FakeLLMServer
from picture_page import PicturePage
from pointing_project import invitation, newest
from studio_process import Studio, come_in
from test_looks import SHIFTS

from openmolmo.engine.studio.settings import StudioSettings, write_settings
from openmolmo.engine.studio.store.database import Database, upgrade

PHONE_DARK_DE = {
    "viewport": {"width": 360, "height": 740},
    "color_scheme": "dark",
    "locale": "de-DE",
    "has_touch": True,
}
DRAFT = "A jar of plum jam."
ANSWERS = ("A red jar of plum jam.", "A bottle of milk on a chair.")


@dataclass(kw_only=True)
class Here:
    """A running studio with the project of jars, its worker, and the language model that the worker asks."""

    studio: Studio
    database: Database
    server: FakeLLMServer

    def open(self, page: Any, mode: str, name: str) -> PicturePage:
        come_in(page, invitation(self.database, self.studio.address), name)
        page.goto(f"{self.studio.address}/work/{mode}")
        return PicturePage(page)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def here(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    directory = tmp_path_factory.mktemp("studio")
    url = f"sqlite:///{directory / 'studio.sqlite'}"
    if request.param == "postgresql":
        url = databases.fresh_database(request.getfixturevalue("postgresql"))
    database = upgrade(url)
    fill_asking(directory, database)
    with FakeLLMServer(reply=lambda body: DRAFT) as server:
        write_settings(StudioSettings(directory=directory, llm=server.line()))
        with Studio(directory, url).running() as studio:
            yield Here(studio=studio, database=database, server=server)
    database.close()


@pytest.fixture(autouse=True)
def well(request: pytest.FixtureRequest) -> None:
    """The language model is well when a test begins."""
    if "here" in request.fixturenames:
        server = request.getfixturevalue("here").server
        server.faults, server.wait, server.reply = {}, 0.0, lambda body: DRAFT


def answered(page: Any, text: str) -> None:
    page.wait_for_function("(text) => document.getElementById('answer').value === text", arg=text, timeout=60_000)


def test_ask_reject_mend_and_review(here: Here, page: Any, new_page: Callable[..., Any]) -> None:
    work = here.open(page, "ask", "Anna")
    page.locator("#question").fill("What is in the jar?")
    page.get_by_role("button", name="Draft an answer").click()
    answered(page, DRAFT)
    assert "As drafted by fake-1" in page.locator("#answer-by").inner_text()
    here.server.reply = lambda body: "Plum jam, in a red jar."
    page.get_by_role("button", name="Reject and draft again").click()
    assert "Say in a few words" in page.locator("#toasts").inner_text()
    page.get_by_label("What is wrong with it?").fill("Name the colour.")
    page.keyboard.press("Alt+Enter")
    answered(page, "Plum jam, in a red jar.")
    assert "Name the colour." in here.server.bodies[-1]["messages"][-1]["content"]
    page.locator("#answer").fill("Plum jam, in a red jar with a blue lid.")
    page.reload()
    answered(page, "Plum jam, in a red jar with a blue lid.")
    page.wait_for_function("() => document.getElementById('answer-by').textContent.includes('mended by you')")
    page.locator("#turns-part summary").click()
    assert page.locator("#turns li").count() == 4
    page.locator("#known summary").click()
    assert "A red jar with a blue lid" in page.locator("#caption").inner_text()
    assert "PLUM JAM" in page.locator("#ocr").inner_text()
    work.hand_in()
    assert page.locator("#question").input_value() == "When is it best before?", "the next task brings its question"
    kept = newest(here.database, "ask")
    assert kept.payload == {"question": "What is in the jar?", "answer": "Plum jam, in a red jar with a blue lid."}
    reviewer = new_page()
    come_in(reviewer, invitation(here.database, here.studio.address, "reviewer"), "Rita")
    reviewer.goto(f"{here.studio.address}/review?mode=ask")
    reviewer.locator("main a[href^='/review/']").first.click()
    reviewer.wait_for_selector("#turns-part:not([hidden])")
    assert not reviewer.get_by_role("button", name="Draft an answer").is_visible()
    reviewer.locator("#turns-part summary").click()
    heads = reviewer.locator("#turns .turn-head").all_inner_texts()
    assert heads[-2:] == ["Mended by you", "Accepted"], heads
    reviewer.locator("#answer").fill("Plum jam.")
    reviewer.locator("[data-verdict=mended]").click()
    reviewer.wait_for_url(re.compile(r"/review$"))
    assert newest(here.database, "ask").payload["answer"] == "Plum jam."
    assert newest(here.database, "ask").state == "accepted"


def test_a_model_that_is_slow_or_down(here: Here, page: Any) -> None:
    here.open(page, "ask", "Bert")
    here.server.wait = 3.0
    page.locator("#question").fill("Which fruit?")
    page.keyboard.press("Alt+Enter")
    page.wait_for_selector("#asking-said.waiting")
    assert page.locator("#ask").is_disabled()
    page.locator("#answer").fill("I think plum")  # the page does not hang
    page.wait_for_selector("#turns .turn.draft", state="attached", timeout=30_000)
    assert page.locator("#answer").input_value() == "I think plum", "a draft does not overwrite a person's words"
    page.locator("#turns-part summary").click()
    page.get_by_role("button", name="Use it").click()
    answered(page, DRAFT)
    here.server.wait, here.server.faults = 0.0, {"server": 1.0}
    page.locator("#reason").fill("It is too short.")
    page.get_by_role("button", name="Reject and draft again").click()
    page.wait_for_selector("#failed:not([hidden])", timeout=30_000)
    assert "Nothing that you entered is lost" in page.locator("#failed").inner_text()
    page.locator("#answer").fill("Plum, says the label.")
    page.reload()
    page.wait_for_selector("#failed:not([hidden])")
    answered(page, "Plum, says the label.")
    here.server.faults = {}
    here.server.reply = lambda body: "The label says plum jam."
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("#failed", state="hidden")
    page.wait_for_function("() => document.querySelectorAll('#turns .turn.draft').length === 2")
    assert page.locator("#answer").input_value() == "Plum, says the label."
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => document.getElementById('question').value === 'When is it best before?'")


def test_explain_points_at_what_was_clicked(here: Here, page: Any) -> None:
    work = here.open(page, "explain", "Carla")
    page.locator("#question").fill("How is it opened?")
    page.get_by_role("button", name="Draft an answer").click()
    assert "Click the things first" in page.locator("#toasts").inner_text()
    work.click(50, 35)
    page.keyboard.type("Lid")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="New thing").click()
    work.click(50, 65)
    page.keyboard.type("jar")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="New thing").click()
    work.click(78, 77)
    page.keyboard.type("spoon")
    page.keyboard.press("Enter")
    assert page.locator(".picture-marks text").all_text_contents() == ["1", "2", "3"], "marks show the things' numbers"
    here.server.reply = lambda body: "Hold [2] and turn [1]."
    page.get_by_role("button", name="Draft an answer").click()
    answered(page, "Hold [2] and turn [1].")
    assert "[3] spoon" in page.locator("#unmentioned").inner_text()
    page.locator("[data-action=submit]").click()
    page.wait_for_function(
        "() => document.getElementById('toasts').textContent.includes('does not refer to [3] spoon')"
    )
    page.get_by_role("button", name="Remove jar and its points").click()
    answered(page, "Hold jar and turn [1].")
    page.locator("#answer").press("End")
    page.get_by_role("button", name="Write [2] spoon into the answer").click()
    answered(page, "Hold jar and turn [1]. [2]")
    assert page.locator("#unmentioned").is_hidden()
    work.hand_in()
    kept = newest(here.database, "explain").payload
    assert [group["label"] for group in kept["groups"]] == ["lid", "spoon"]
    assert kept["answer"] == "Hold jar and turn [1]. [2]"


def test_vote_by_keyboard(here: Here, page: Any, tmp_path: Path) -> None:
    work = here.open(page, "vote", "Dora")
    left, right = page.locator("#left").inner_text(), page.locator("#right").inner_text()
    assert {left, right} == set(ANSWERS), "points are not shown"
    size = work.box()["width"]
    page.keyboard.press("+")
    work.view.focus()
    page.keyboard.press("+")
    assert work.box()["width"] > size
    for key, choice in zip("12345", ("left", "right", "both_good", "both_bad", "dont_know"), strict=True):
        page.keyboard.press(key)
        assert page.locator("input[name=choice]:checked").get_attribute("value") == choice
    page.keyboard.press("1")
    page.wait_for_function("() => document.getElementById('saved').textContent === 'Saved'")
    page.reload()
    assert page.locator("#left").inner_text() == left, "the sides stay"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    kept = newest(here.database, "vote").payload
    assert kept == {"outcome": "ab"[ANSWERS.index(left)], "left": ANSWERS.index(left)}
    here.studio.run("export", str(tmp_path / "votes"), "--format", "votes")
    (vote,) = [json.loads(line) for line in (tmp_path / "votes/votes.jsonl").read_text().splitlines()]
    assert vote["winner"] == ("model_a", "model_b")[ANSWERS.index(left)]


def test_explanations_and_votes_are_reviewed(here: Here, new_page: Callable[..., Any], screenshots: Path) -> None:
    """After the tests above: their work is shown as its author saw it, and can be mended and accepted."""
    page = new_page()
    come_in(page, invitation(here.database, here.studio.address, "reviewer"), "Rolf")
    for mode, field in (("explain", "#answer"), ("vote", "#left")):
        page.goto(f"{here.studio.address}/review?mode={mode}")
        page.locator("main a[href^='/review/']").first.click()
        PicturePage(page)
        page.screenshot(path=screenshots / f"review-{mode}.png", full_page=True)
        kept = newest(here.database, mode).payload
        if mode == "vote":
            assert page.locator(field).inner_text() == ANSWERS[kept["left"]], "the sides are those that the voter saw"
            chosen = page.locator("input[name=choice]:checked").get_attribute("value")
            assert chosen == "left"
            page.locator("[data-verdict=accepted]").click()
        else:
            assert page.locator(field).input_value() == kept["answer"]
            page.locator(field).fill("Turn [1] with [2|a spoon].")
            page.locator("[data-verdict=mended]").click()
        page.wait_for_url(re.compile(r"/review$"))
        assert newest(here.database, mode).state == "accepted"
    assert newest(here.database, "explain").payload["answer"] == "Turn [1] with [2|a spoon]."


@pytest.mark.parametrize("shape", ["wide", "phone_dark_de"])
def test_looks(
    here: Here, new_page: Callable[..., Any], screenshots: Path, barriers: Callable[[Any], list[str]], shape: str
) -> None:
    page = new_page(**(PHONE_DARK_DE if shape == "phone_dark_de" else {}))
    come_in(page, invitation(here.database, here.studio.address), f"Look {shape}")
    faults = []
    for mode in ("ask", "explain", "vote"):
        sizes: list[int] = []
        page.on("response", lambda answer, sizes=sizes: sizes.append(weight(answer)))
        page.goto(f"{here.studio.address}/work/{mode}")
        work = PicturePage(page)
        if (shift := page.evaluate(SHIFTS)) > 0.02:
            faults.append(f"{mode}: its parts jump while it loads ({shift:.3f})")
        if mode == "explain":
            work.click(50, 35)
            page.locator("input.thing-name").fill("lid")
            page.keyboard.press("Enter")
        if mode == "vote":
            page.keyboard.press("1")
        else:
            page.locator("#question").fill("How is it opened?")
            page.locator("#ask").click()
            answered(page, DRAFT)
            page.locator("#known summary").click()
            page.locator("#turns-part summary").click()
        page.screenshot(path=screenshots / f"{mode}-{shape}.png", full_page=True)
        faults += [f"{mode}: {barrier}" for barrier in barriers(page)]
        wide, view = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if wide > view:
            faults.append(f"{mode}: {wide} pixels wide, on a screen of {view}")
        if sum(sizes) > 150_000:
            faults.append(f"{mode}: {sum(sizes)} bytes")
        if keys := page.evaluate("document.body.innerText.match(/\\b(asking|ask|explain|vote|modes)\\.[a-z_]+/g)"):
            faults.append(f"{mode}: shows the names of texts: {keys}")
    assert not faults, "\n".join(faults)


def weight(answer: Any) -> int:
    return 0 if "/pictures/" in answer.url else int(answer.headers.get("content-length", 0))


def test_without_a_language_model(tmp_path: Path, page: Any) -> None:
    directory = tmp_path / "studio"
    directory.mkdir()
    url = f"sqlite:///{directory / 'studio.sqlite'}"
    database = upgrade(url)
    fill_asking(directory, database, options={"ocr": "rapidocr"})
    with Studio(directory, url).running() as studio:
        come_in(page, invitation(database, studio.address), "Emil")
        page.goto(f"{studio.address}/work/ask")
        page.locator("#question").fill("Where is the spoon?")
        page.keyboard.press("Alt+Enter")
        answered(page, "A yellow spoon lies beside the jar.")
        assert "without a language model" in page.locator("#answer-by").inner_text()
    database.close()
