"""Speaking in a browser whose microphone hears flite: recorded, paused, heard, corrected; and all that can go wrong."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from speaking_project import hears, prepare, say_to_file
from sqlalchemy import select
from studio_process import Studio, come_in

from openmolmo.core.files import sha256_file
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.engine.studio.store.tables import Access, Annotation, Recording, Transcript

PIECE_SECONDS = 5.0
WEBM = Path(__file__).parents[3] / "fixtures/speech/three_sentences.webm"


@pytest.fixture(scope="session")
def voice(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Flags of a browser that hears somebody speak."""
    return hears(say_to_file(tmp_path_factory.mktemp("voice") / "said.wav"))


@pytest.fixture
def speaking(tmp_path: Path, database_url: str) -> Iterator[Studio]:
    """A studio in which people speak."""
    with prepare(tmp_path / "studio", database_url, annotations=9).running() as started:
        yield started


def button(page: Any, name: str) -> Any:
    return page.locator(".recorder").get_by_role("button", name=re.compile(rf"^{name} \S+$"))


def phase(page: Any, text: str, timeout: float = 20_000) -> None:
    page.locator("#phase").get_by_text(text).wait_for(timeout=timeout)


def speak_until(page: Any, seconds: float) -> None:
    """Wait until the page's clock shows so much."""
    parts = "const [m, s] = document.getElementById('clock').textContent.split(':');"
    script = f"(least) => {{ {parts} return 60 * m + +s >= least; }}"
    page.wait_for_function(script, arg=seconds, timeout=60_000)


CALLS = """async ([sound, text]) => {
  const { call } = await import("/static/api.js");
  const task = JSON.parse(document.getElementById("task").textContent);
  const bytes = Uint8Array.from(atob(sound), (sign) => sign.charCodeAt(0));
  const texts = {};
  for (const part of [text, ""]) {
    const { id } = await call("POST", `/api/leases/${task.lease}/recordings`, { media_type: "audio/webm" });
    await call("PUT", `/api/recordings/${id}/chunks/0`, bytes);
    await call("POST", `/api/recordings/${id}/finish`, { chunks: 1 });
    texts[id] = part;
  }
  await call("POST", `/api/leases/${task.lease}/submit`, { payload: { texts } });
}"""


def speak_by_calls(page: Any, studio: Studio, text: str) -> None:
    """Somebody else's work on the same picture, without waiting for their voice: 6.4 s twice."""
    page.goto(f"{studio.address}/work/speak")
    page.evaluate(CALLS, [base64.b64encode(WEBM.read_bytes()).decode(), text])


def rows_of(studio: Studio, kind: Any) -> list[Any]:
    with closing(upgrade(studio.database)) as database, database.read() as rows:
        return list(rows.scalars(select(kind).order_by(kind.id)))


def test_from_the_first_word_to_the_corrected_transcript(
    speaking: Studio, new_page: Callable[..., Any], voice: tuple[str, ...], screenshots: Path, barriers: Any
) -> None:
    page = new_page(flags=voice)
    come_in(page, speaking.invite(), "Ada")
    page.goto(f"{speaking.address}/work/speak")
    phase(page, "Ready")
    page.screenshot(path=screenshots / "speak-ready.png", full_page=True)
    assert barriers(page) == []
    page.get_by_role("button", name="Hand in").click()
    page.get_by_text("There is no recording yet").wait_for()

    page.keyboard.press("r")
    phase(page, "Recording")
    speak_until(page, 2)
    page.keyboard.press("r")
    phase(page, "Paused")
    shown = page.locator("#clock").text_content()
    page.wait_for_timeout(1200)
    assert page.locator("#clock").text_content() == shown, "a pause takes no time"
    page.keyboard.press("r")
    speak_until(page, 3)
    level = int(page.locator("#level").get_attribute("aria-valuenow"))
    assert re.fullmatch("[3-5] s to go", page.locator("#left").text_content())
    page.screenshot(path=screenshots / "speak-recording.png", full_page=True)
    page.keyboard.press("s")
    page.get_by_text("of 8 seconds").wait_for()
    assert level > 0, "the meter moves"
    page.get_by_role("button", name="Hand in").click()
    page.get_by_text("does not meet the conditions yet").wait_for()
    page.screenshot(path=screenshots / "speak-too-short.png", full_page=True)

    button(page, "Record again").click()
    page.get_by_role("dialog").get_by_role("button", name="Record again").click()
    phase(page, "Recording")
    speak_until(page, 9)
    assert barriers(page) == []
    button(page, "Done").click()
    phase(page, "The recording is complete")
    button(page, "Listen").click()
    button(page, "Stop listening").click()
    words = page.get_by_label("What you said", exact=True)
    page.wait_for_function("() => document.querySelector('#parts textarea').value.length > 20", timeout=60_000)
    page.screenshot(path=screenshots / "speak-words.png", full_page=True)
    assert barriers(page) == []
    words.fill("There are three boats on a calm lake.")
    page.get_by_text("As the program heard it").wait_for()
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_function("() => document.querySelector('#parts').children.length === 0")

    states = [one.state for one in rows_of(speaking, Recording)]
    assert states == ["discarded", "complete"]
    assert [one.engine for one in rows_of(speaking, Transcript)][-2:] == ["pocketsphinx", "person"]
    assert rows_of(speaking, Access), "listening is written down"
    recording = rows_of(speaking, Recording)[-1]
    assert sha256_file(speaking.directory / recording.path) == recording.sha256

    page.goto(f"{speaking.address}/mine/1")
    page.wait_for_function("() => document.querySelector('#parts textarea')?.value.includes('three boats')")
    page.screenshot(path=screenshots / "speak-mine.png", full_page=True)
    other = new_page()
    come_in(other, speaking.invite(), "Bob")
    speak_by_calls(other, speaking, "Two boats are on a calm lake. A tree stands beside it.")
    boss = new_page()
    come_in(boss, speaking.link, "Root")
    boss.goto(f"{speaking.address}/review/1")
    merged = "() => document.getElementById('caption').value.includes('tree')"
    for _ in range(30):
        boss.wait_for_load_state("networkidle")
        if boss.evaluate(merged):
            break
        boss.wait_for_timeout(500)
        boss.reload()
    boss.get_by_text("contradict each other").wait_for()
    boss.screenshot(path=screenshots / "speak-review.png", full_page=True)
    assert barriers(boss) == []
    boss.locator("#caption").fill("Three boats lie on a calm lake.")
    boss.get_by_role("button", name="Save as mended").click()
    boss.wait_for_url(re.compile("/review/2$"))
    (work,) = [one for one in rows_of(speaking, Annotation) if one.state == "accepted"]
    assert work.payload["caption"] == "Three boats lie on a calm lake."


def test_a_killed_server_a_cut_network_and_a_reload_lose_at_most_one_piece(
    speaking: Studio, new_page: Callable[..., Any], voice: tuple[str, ...], screenshots: Path
) -> None:
    page = new_page(flags=voice)
    come_in(page, speaking.invite(), "Ada")
    page.goto(f"{speaking.address}/work/speak")
    phase(page, "Ready")
    button(page, "Record").click()
    speak_until(page, 6)
    speaking.kill()
    speak_until(page, 11)
    page.get_by_text("No connection to the studio").wait_for()
    page.screenshot(path=screenshots / "speak-offline.png", full_page=True)
    speaking.start()
    page.locator("#banner").wait_for(state="hidden", timeout=30_000)
    page.context.set_offline(True)
    speak_until(page, 17)
    page.get_by_text("No connection to the studio").wait_for()
    page.context.set_offline(False)
    page.locator("#banner").wait_for(state="hidden", timeout=30_000)
    before = spoken(page)
    page.reload()
    phase(page, "The recording is complete", timeout=30_000)
    kept = page.evaluate("document.querySelector('#parts p').textContent")
    minutes, seconds = kept.split(" · ")[-1].split(":")
    assert 60 * int(minutes) + int(seconds) >= before - PIECE_SECONDS - 1
    page.screenshot(path=screenshots / "speak-back.png", full_page=True)
    button(page, "Record more").click()
    speak_until(page, before + 1)
    button(page, "Done").click()
    phase(page, "The recording is complete")
    assert page.locator("#parts > li").count() == 2
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_function("() => document.querySelector('#parts').children.length === 0")
    assert [one.state for one in rows_of(speaking, Recording)] == ["complete", "complete"]


def spoken(page: Any) -> int:
    minutes, seconds = page.locator("#clock").text_content().split(":")
    return 60 * int(minutes) + int(seconds)


def test_two_tabs_a_phone_and_no_microphone(
    speaking: Studio, new_page: Callable[..., Any], voice: tuple[str, ...], screenshots: Path, barriers: Any
) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "has_touch": True}
    page = new_page(flags=voice, **phone)
    come_in(page, speaking.invite(), "Ada")
    page.goto(f"{speaking.address}/work/speak")
    phase(page, "Ready")
    page.screenshot(path=screenshots / "speak-phone.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
    button(page, "Record").click()
    speak_until(page, 1)
    other = page.context.new_page()
    other.goto(f"{speaking.address}/work/speak")
    other.get_by_text("open in another tab, which has the microphone").wait_for()
    other.screenshot(path=screenshots / "speak-other-tab.png", full_page=True)
    assert other.locator("#record").is_disabled()
    speak_until(page, 13)
    page.screenshot(path=screenshots / "speak-phone-recording.png", full_page=True)
    page.close()
    phase(other, "The recording is complete", timeout=30_000)
    assert barriers(other) == []

    # keys of one's own
    other.locator("summary").click()
    other.locator("[data-own-key=record]").press("F4")
    other.get_by_text("The keys are kept").wait_for()
    other.screenshot(path=screenshots / "speak-phone-words.png", full_page=True)
    other.locator("h1").click()
    other.keyboard.press("F4")
    phase(other, "Recording")

    for name, script, sentence in TROUBLES:
        alone = new_page(**phone)
        come_in(alone, speaking.invite(), f"No {name}")
        alone.add_init_script(script)
        alone.goto(f"{speaking.address}/work/speak")
        alone.wait_for_timeout(300)
        if alone.locator("#record").is_enabled():
            alone.locator("#record").click()
        alone.locator("#trouble").get_by_text(sentence).wait_for()
        alone.screenshot(path=screenshots / f"speak-{name}.png", full_page=True)
        assert barriers(alone) == []


def fails(kind: str) -> str:
    return f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('no', '{kind}'); }};"


TROUBLES = (
    ("microphone", fails("NotFoundError"), "No microphone was found"),
    ("permission", fails("NotAllowedError"), "may not use the microphone"),
    ("type", "MediaRecorder.isTypeSupported = () => false;", "cannot record a type of sound"),
    (
        "encryption",
        "Object.defineProperty(window, 'isSecureContext', { value: false });",
        "because it is not encrypted",
    ),
)
"""What stands in the way of recording, made by force, and what the page says of it."""
