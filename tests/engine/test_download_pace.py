"""How fast a host is asked, what its headers mean, and what is a picture."""

from __future__ import annotations

import datetime
import io

import pytest
from PIL import Image

from faulty_server import picture
from openmolmo.engine.download.client import opted_out
from openmolmo.engine.download.pace import Pace, retry_after_seconds
from openmolmo.engine.download.states import FetchFailed, State, state_of_status
from openmolmo.engine.download.verify import starts_like_a_picture, verify_download


def test_a_refusal_slows_down_once_for_all_that_were_in_flight() -> None:
    pace = Pace(16)
    for _ in range(8):
        pace.start(0.0)
    for _ in range(8):
        pace.limited(now=1.0, started=0.0, retry_after=3.0)
    assert (pace.allowed, pace.strikes) == (8, 1)
    assert pace.wait(1.0) == 3.0
    pace.limited(now=5.0, started=4.0, retry_after=None)
    assert (pace.allowed, pace.strikes) == (4, 2)
    assert pace.wait(5.0) == 4.0  # 2 s, doubled: the host did not say how long


def test_answers_make_it_faster_again() -> None:
    pace = Pace(4)
    pace.limited(now=0.0, started=0.0, retry_after=0.0)
    slow = pace.interval
    assert pace.allowed == 2 and slow > 0
    for _ in range(400):
        pace.answered()
    assert pace.allowed == 4 and pace.interval == 0.0 and pace.strikes == 0


def test_retry_after_in_seconds_and_as_a_date() -> None:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    assert retry_after_seconds("120") == 120
    assert retry_after_seconds("Thu, 01 Jan 2026 00:01:00 GMT", now) == 60
    assert retry_after_seconds("Wed, 31 Dec 2025 00:01:00 GMT", now) == 0
    assert retry_after_seconds("soon") is None and retry_after_seconds(None) is None


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        (["noindex, noai"], True),
        (["NoImageAI"], True),
        (["openmolmo: noimageai"], True),
        (["otherbot: noai"], False),
        (["noindex", "nofollow"], False),
        ([], False),
    ],
)
def test_opt_out_headers(headers: list[str], answer: bool) -> None:
    assert opted_out(headers) is answer


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, None), (206, None), (404, State.GONE), (410, State.GONE), (400, State.GONE), (403, State.FORBIDDEN),
     (451, State.FORBIDDEN), (429, State.TRANSIENT), (408, State.TRANSIENT), (500, State.TRANSIENT)],
)  # fmt: skip
def test_classes_of_statuses(status: int, state: State | None) -> None:
    assert state_of_status(status) is state


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_pictures_of_all_formats_are_whole_or_refused(form: str) -> None:
    stream = io.BytesIO()
    Image.effect_noise((40, 30), 60).convert("RGB").save(stream, form)
    data = stream.getvalue()
    assert starts_like_a_picture(data)
    verdict = verify_download(data)
    assert (verdict.width, verdict.height, verdict.bytes) == (40, 30, len(data))
    with pytest.raises(FetchFailed) as cut:
        verify_download(data[: len(data) // 2])
    assert cut.value.state is State.CORRUPT


def test_progressive_jpegs_are_read_to_their_end() -> None:
    stream = io.BytesIO()
    Image.effect_noise((200, 160), 60).convert("RGB").save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    verify_download(data)
    with pytest.raises(FetchFailed):
        verify_download(data[: len(data) * 3 // 4])


def test_another_picture_is_not_the_one_on_record() -> None:
    with pytest.raises(FetchFailed) as other:
        verify_download(picture(1), expected="0" * 64)
    assert other.value.state is State.HASH_DIFFERS
