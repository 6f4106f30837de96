"""The chat page as people use it: pictures come in, answers are written, points lie where they belong."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
pytest.importorskip("fastapi", reason="the extra serve is not installed")

from chat_page import ChatPage, dots_picture
from PIL import Image
from playwright.sync_api import expect
from speaking_server import PLAIN, Reply, Speaker

pytestmark = pytest.mark.browser

PLACES = [(12.5, 30.0), (45.0, 70.0), (80.0, 20.0)]
TEXT = (
    'Counting the <points x1="12.5" y1="30.0" x2="45.0" y2="70.0" x3="80.0" y3="20.0" alt="dot">dots</points>'
    " shows a total of 3."
)
FOUND = {
    "points": [
        {"label": "dots", "alt": "dot", "image": 0, "x": x, "y": y, "x_pixel": 1, "y_pixel": 1, "confidence": sure}
        for (x, y), sure in zip(PLACES, (0.98, 0.75, 0.31), strict=True)
    ],
    "count": 3,
    "dropped": 0,
}
PIECES = tuple(TEXT[at : at + 7] for at in range(0, len(TEXT), 7))
DOTS = Reply(pieces=PIECES, found=FOUND)
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
NewPage = Callable[..., Any]


def test_drop_ask_and_see_points_while_they_are_written(speaker: Speaker, new_page: NewPage) -> None:
    speaker.replies = [Reply(pieces=PIECES, found=FOUND, gap=0.25)]
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    chat = ChatPage(page, speaker.address)
    expect(page.locator("#knows")).to_have_text("knows drawings")
    expect(page.locator("#about-knows")).to_contain_text("not photographs")
    chat.give(("dots.png", dots_picture(PLACES)))
    chat.ask("Dot", way="Count")
    expect(page.locator(".mark").first).to_be_visible()  # long before the end
    expect(page.locator("#stop")).to_be_visible()
    assert "<" not in chat.said.inner_text() and "x1" not in chat.said.inner_text()
    chat.ended()
    assert chat.numbers() == ["1", "2", "3"]
    assert chat.said.inner_text().split() == [
        "Counting",
        "the",
        "dots",
        "1",
        "2",
        "3",
        "shows",
        "a",
        "total",
        "of",
        "3.",
    ]

    body = speaker.heard[0]
    assert body["model"] == "nano" and body["stream"] and body["openmolmo"] == {"style": "point_count"}
    image, text = body["messages"][0]["content"]
    assert text == {"type": "text", "text": "How many dot are there?"}
    sent = base64.b64decode(image["image_url"]["url"].removeprefix("data:image/png;base64,"))
    assert sent == dots_picture(PLACES)  # the bytes themselves

    page.locator(".number").nth(1).hover()  # from the text to the picture
    expect(page.locator(".mark.is-lit")).to_have_text("2")
    expect(page.locator(".view-label")).to_have_text("2 · dots · 75%")
    page.locator(".mark[data-number='3']").hover()  # and back
    expect(page.locator(".number.is-lit")).to_have_text("3")
    expect(page.locator(".number").nth(2)).to_have_attribute(
        "aria-label", re.compile("dots, at 80.0 and 20.0 .*31% sure")
    )
    expect(page.locator(".number.is-unsure")).to_have_text("3")
    page.get_by_text("3 points", exact=True).click()
    expect(page.locator(".after tbody tr").nth(2)).to_have_text(re.compile("3\\s*dots\\s*80.0\\s*20.0\\s*31%"))

    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.locator(".toast")).to_have_text("Copied.")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert [(p["x"], p["y"], p["confidence"]) for p in copied["points"]] == [
        (p["x"], p["y"], p["confidence"]) for p in FOUND["points"]
    ]
    assert copied["count"] == 3 and copied["pictures"] == [{"name": "dots.png", "width": 640, "height": 420}]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture with points").click()
    assert download.value.suggested_filename == "dots-points.png"
    with Image.open(download.value.path()) as saved:
        assert saved.size == (640, 420)
        ring = saved.convert("RGB").getpixel((round(0.125 * 640) - 8, round(0.3 * 420)))
    assert ring == (194, 65, 12)


@pytest.mark.parametrize("ratio", [1.0, 2.0, 1.25])
def test_points_stay_on_their_pixel(speaker: Speaker, new_page: NewPage, ratio: float) -> None:
    speaker.replies = [DOTS]
    page = new_page(device_scale_factor=ratio)
    chat = ChatPage(page, speaker.address)
    chat.give(("dots.png", dots_picture(PLACES, background="#dddddd")))
    chat.ask("dot", way="Point")
    chat.ended()
    points = page.get_by_role("button", name="Points: ")
    for step in ("whole", "nearer", "smaller window"):
        if step == "nearer":
            page.get_by_role("button", name="Zoom in").dblclick()
        elif step == "smaller window":
            page.set_viewport_size({"width": 1000, "height": 640})
            page.get_by_role("button", name="All: ").click()
        page.mouse.move(5, 5)
        page.wait_for_timeout(200)
        marks = chat.marks()
        points.click()  # they hide what they mark
        dots = chat.seen_dots(ratio)
        points.click()
        seen = [mark for mark in marks if any(abs(mark[0] - x) < 40 and abs(mark[1] - y) < 40 for x, y in dots)]
        assert len(seen) == len(dots) >= (1 if step == "nearer" else 3), (step, marks, dots)
        for mark, dot in zip(seen, dots, strict=True):
            assert mark == pytest.approx(dot, abs=1.0), step


def test_drag_wheel_and_keys_move_the_picture(speaker: Speaker, new_page: NewPage) -> None:
    speaker.replies = [DOTS]
    page = new_page()
    chat = ChatPage(page, speaker.address)
    chat.give(("dots.png", dots_picture(PLACES)))
    chat.ask("dot", way="Point")
    chat.ended()
    x, y = chat.marks()[1]
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    zoomed = chat.marks()
    assert zoomed[1] == pytest.approx((x, y), abs=1.0)  # the place under the pointer stays
    assert zoomed[2][0] - zoomed[0][0] > 1.5 * (chat.marks()[2][0] - chat.marks()[0][0]) / 2
    page.mouse.down()
    page.mouse.move(x + 60, y - 40, steps=4)
    page.mouse.up()
    assert chat.marks()[1] == pytest.approx((x + 60, y - 40), abs=1.0)
    page.locator(".number").nth(0).click()  # out of sight, perhaps: it is brought back
    box = page.locator(".view").bounding_box()
    first = next(mark for mark in chat.marks())
    assert box["x"] <= first[0] <= box["x"] + box["width"]
    page.locator(".view").focus()
    page.keyboard.press("0")
    assert chat.marks()[1] == pytest.approx((x, y), abs=1.0)


def test_what_was_said_stays_until_it_is_forgotten(speaker: Speaker, new_page: NewPage) -> None:
    speaker.replies = [DOTS]
    page = new_page()
    chat = ChatPage(page, speaker.address)
    chat.give(("", dots_picture(PLACES)), kind="paste", where="#question")
    expect(page.locator(".view-image")).to_be_visible()
    chat.ask("dot", way="Point")
    chat.ended()
    before = chat.marks()
    chat = ChatPage(page, speaker.address)
    expect(page.locator(".turn .asked")).to_contain_text("dot")
    assert chat.numbers() == ["1", "2", "3"]
    expect(page.locator(".view-image")).to_be_visible()
    for mark, earlier in zip(chat.marks(), before, strict=True):
        assert mark == pytest.approx(earlier)
    page.get_by_role("button", name="Start anew").click()
    page.get_by_role("button", name="Cancel").last.click()
    assert page.locator(".turn").count() == 1
    page.get_by_role("button", name="Start anew").click()
    page.get_by_role("button", name="Forget", exact=True).click()
    expect(page.locator("#empty")).to_be_visible()
    assert page.locator(".turn").count() == 0
    chat = ChatPage(page, speaker.address)
    expect(page.locator("#empty")).to_be_visible()
    assert page.locator(".turn").count() == 0


def test_an_answer_can_be_stopped(speaker: Speaker, new_page: NewPage) -> None:
    speaker.replies = [Reply(pieces=("word ",) * 300, gap=0.05), Reply(pieces=("Well.",))]
    page = new_page()
    chat = ChatPage(page, speaker.address)
    chat.ask("Talk")
    expect(chat.said).to_contain_text("word word")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".after").last).to_contain_text("Stopped")
    text = chat.said.inner_text()
    page.wait_for_timeout(300)
    assert chat.said.inner_text() == text and speaker.left == 1  # the server knows
    page.get_by_role("button", name="Try again").click()
    expect(chat.said).to_have_text("Well.")
    speaker.replies = [Reply(pieces=("word ",) * 300, gap=0.05)]
    chat.ask("Once more")
    expect(chat.said).to_contain_text("word")
    page.keyboard.press("Escape")
    expect(page.locator(".after").last).to_contain_text("Stopped")


def test_refusals_are_sentences(speaker: Speaker, new_page: NewPage) -> None:
    page = new_page()
    chat = ChatPage(page, speaker.address)
    for reply, sentence in {
        Reply(status=429, error="8 requests are waiting", headers=()): "The server is busy. 8 requests are waiting.",
        Reply(status=400, error="max_tokens must be 1 or more"): "Max_tokens must be 1 or more.",
        Reply(status=413, error="the body has more than 32 MB"): "This is larger than the server takes.",
        Reply(pieces=("A ",), error="the model is lost"): "Something went wrong in the server. The model is lost.",
        Reply(pieces=("A ",), cut=True): "The server stopped in the middle of its answer.",
    }.items():
        speaker.replies = [reply]
        chat.ask("Well?")
        chat.ended()
        expect(page.locator(".turn").last.get_by_role("alert")).to_contain_text(sentence)
    speaker.replies = [Reply(status=429, error="busy", headers=(("Retry-After", "7"),)), Reply(pieces=("Now.",))]
    chat.ask("Well?")
    expect(page.locator(".turn").last.get_by_role("alert")).to_contain_text("Try again in 7 seconds.")
    page.locator(".turn").last.get_by_role("button", name="Try again").click()
    expect(chat.said).to_have_text("Now.")
    chat.give(("notes.png", b"<html>no picture</html>"))
    expect(page.locator(".toast.bad")).to_contain_text("notes.png is no picture")
    chat.way("Point")
    page.locator("#send").click()
    expect(page.locator(".toast.bad").last).to_contain_text("Add a picture first")
    page.route("**/v1/**", lambda route: route.abort())
    chat.ask("Are you there?")
    expect(page.locator(".turn").last.get_by_role("alert")).to_contain_text("cannot be reached")


def test_a_server_that_wants_a_key(speaker: Speaker, new_page: NewPage) -> None:
    speaker.key, speaker.replies = "right", [Reply(pieces=("Welcome.",))]
    page = new_page()
    chat = ChatPage(page, speaker.address)
    field = page.get_by_label("Key", exact=True)
    field.fill("wrong")
    field.press("Enter")
    expect(page.get_by_text("does not take this key")).to_be_visible()
    field.fill("right")
    field.press("Enter")
    expect(page.locator("#model-name")).to_have_text("nano")
    speaker.key = "other"  # it was changed while the page was open
    chat.ask("Hello")
    expect(page.locator("#key-dialog")).to_be_visible()
    field.fill("other")
    field.press("Enter")
    expect(chat.said).to_have_text("Welcome.")
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_role("button", name="Forget", exact=True).click()
    expect(page.locator(".toast")).to_have_text("Forgotten.")
    ChatPage(page, speaker.address)
    expect(page.locator("#key-dialog")).to_be_visible()


def test_several_pictures_and_several_models(speaker: Speaker, new_page: NewPage) -> None:
    second = 'Here: <points image1="2" x1="12.5" y1="30.0" x2="50.0" y2="50.0" alt="dot">dots</points>'
    speaker.models = [*speaker.models, PLAIN]
    speaker.replies = [Reply(pieces=(second,)), Reply(pieces=("Both.",))]
    page = new_page()
    chat = ChatPage(page, speaker.address)
    page.get_by_label("Model").select_option("large")
    expect(page.locator("#knows")).to_be_hidden()
    chat.give(("one.png", dots_picture(PLACES)), ("two.png", dots_picture(PLACES[:1])))
    expect(page.locator(".thumb-box")).to_have_count(2)
    chat.ask("Where are dots?")
    chat.ended()
    assert [part["type"] for part in speaker.heard[0]["messages"][0]["content"]] == ["image_url", "image_url", "text"]
    assert speaker.heard[0]["model"] == "large"
    expect(page.locator(".mark")).to_have_text("2")  # the one in the first picture
    page.locator(".number").nth(0).click()  # the other is in the second, which comes up
    expect(page.locator(".mark")).to_have_text("1")
    expect(page.locator(".view-image")).to_have_attribute("alt", "two.png")

    chat.ask("And again?")  # this model is told what was said before; pictures are not sent twice
    chat.ended()
    messages = speaker.heard[1]["messages"]
    assert [one["role"] for one in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"] == second and len(messages[2]["content"]) == 1
    page.get_by_label("Model").select_option("nano")  # and this one, of drawings, is not
    page.get_by_label("Ask about picture 1").uncheck()
    chat.ask("Alone?")
    chat.ended()
    messages = speaker.heard[2]["messages"]
    assert len(messages) == 1
    data = messages[0]["content"][0]["image_url"]["url"].partition(",")[2]
    assert base64.b64decode(data) == dots_picture(PLACES[:1]) and len(messages[0]["content"]) == 2


def test_odd_pictures_and_the_camera(speaker: Speaker, new_page: NewPage) -> None:
    speaker.replies = [Reply(pieces=("Seen.",))]
    page = new_page(permissions=["camera"])
    chat = ChatPage(page, speaker.address)
    page.get_by_role("button", name="Take a picture").first.click()
    page.get_by_role("button", name="Take it").click()
    expect(page.locator(".view-image")).to_have_attribute("alt", "camera picture")
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><rect width="30" height="40"/></svg>'
    chat.ask("What is it?")
    chat.ended()
    chat.give(("drawing.svg", drawing), mime="image/svg+xml", where="body")
    expect(page.locator(".view-image")).to_have_attribute("alt", "drawing.svg")
    wide = io.BytesIO()
    Image.new("RGB", (9000, 30), "red").save(wide, "PNG")
    chat.give(("wide.png", wide.getvalue()), where="body")
    expect(page.locator(".view-image")).to_have_attribute("alt", "wide.png")
    chat.ask("And these?")
    chat.ended()
    sizes = []
    for body in speaker.heard:
        for part in body["messages"][-1]["content"][:-1]:
            data = part["image_url"]["url"].partition(",")[2]
            with Image.open(io.BytesIO(base64.b64decode(data))) as sent:
                sizes.append((sent.format, sent.size))
    assert sizes[0][0] == "JPEG" and sizes[1:] == [("PNG", (60, 40)), ("PNG", (4096, 14))]


def test_by_keyboard_alone(speaker: Speaker, new_page: NewPage) -> None:
    speaker.replies = [DOTS]
    page = new_page()
    chat = ChatPage(page, speaker.address)
    reach(page, "[data-sample='stars.jpg']")
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_focused()
    assert page.locator("#question").input_value() == "star"
    page.keyboard.press("Enter")
    chat.ended()
    assert speaker.heard[0]["messages"][0]["content"][1]["text"] == "Point to star."
    reach(page, ".number[data-number='2']")
    expect(page.locator(".mark.is-lit")).to_have_text("2")
    reach(page, "input[value='point']")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#question")).to_have_attribute("placeholder", "Just send")
    reach(page, "#send")
    page.keyboard.press("Enter")
    chat.ended()
    assert speaker.heard[1]["openmolmo"] == {"style": "long_caption"}
    expect(page.locator("#live")).to_contain_text("3 points")


def reach(page: Any, selector: str) -> None:
    for _ in range(60):
        if page.evaluate("(one) => document.activeElement?.matches(one)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key never comes to {selector}")
