"""The page reads points in a reply as the library does, at every moment of its being written."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openmolmo.serving import chat
from openmolmo.words.points import read_points

READER = """
import { createInterface } from "node:readline";
import { plain, readReply, settle } from "./points.mjs";
for await (const line of createInterface({ input: process.stdin })) {
  const { text, points, ...about } = JSON.parse(line);
  const reply = settle(readReply(text, about), points);
  console.log(JSON.stringify({ ...reply, plain: plain(reply) }));
}
"""
Read = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """``read(text, ...)``: what ``points.js`` makes of a text."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed here (Debian: nodejs)")
    folder = tmp_path_factory.mktemp("reader")
    (folder / "points.mjs").write_bytes((Path(chat.__file__).parent / "static" / "points.js").read_bytes())
    (folder / "reader.mjs").write_text(READER, "utf-8")
    with subprocess.Popen(
        [node, str(folder / "reader.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None and stdout is not None

        def ask(text: str, **about: Any) -> dict[str, Any]:
            stdin.write(json.dumps({"text": text, **about}) + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
            return answer

        yield ask
        stdin.close()


COUNTED = (
    'Counting the <points x1="10.0" y1="20.0" image2="2" x2="30.5" y2="20.1" alt="a &quot;dog&quot;">dogs</points>'
    ' shows 2, and <point x="61.5" y="40.4" alt="cat">cat</point>.'
)


def test_points_come_as_they_are_written_and_markup_is_never_seen(read: Read) -> None:
    most = 0
    for end in range(len(COUNTED) + 1):
        got = read(COUNTED[:end], pictures=2, writing=True)
        assert len(got["points"]) == sum(len(group.points) for group in read_points(COUNTED[:end]))
        assert len(got["points"]) >= most
        assert not set("<>=") & set(got["plain"]), got["plain"]
        most = len(got["points"])
    assert most == 3
    assert [piece["points"] for piece in got["pieces"]] == [[], [0, 1], [], [2], []]
    assert got["plain"] == "Counting the dogs shows 2, and cat."
    assert [(p["x"], p["y"], p["image"], p["alt"]) for p in got["points"]][1:] == [
        (30.5, 20.1, 1, 'a "dog"'),
        (61.5, 40.4, 0, "cat"),
    ]
    assert len(read(COUNTED, pictures=1)["points"]) == 2  # one lies in a picture that was not sent


def test_the_servers_list_has_the_last_word(read: Read) -> None:
    own = read(COUNTED, pictures=2)["points"]
    sure = [{**point, "confidence": 0.9 - 0.1 * index} for index, point in enumerate(own)]
    got = read(COUNTED, pictures=2, points=sure)
    assert [point["confidence"] for point in got["points"]] == [0.9, 0.8, pytest.approx(0.7)]
    assert [piece["points"] for piece in got["pieces"]] == [[], [0, 1], [], [2], []]
    other = [{"label": "click", "x": 45.2, "y": 78.1, "image": 0}]
    got = read("Click(45.2, 78.1)", points=other)
    assert [piece["points"] for piece in got["pieces"]] == [[], [0]] and got["points"] == other


WORDS = (
    *("<point ", "<points ", "< points ", "<POINT ", "</point>", "</points>", "< / point", "<", ">", "/>"),
    *("x=", 'x="', "x1=", 'y1="', 'y="', "y 1=", 'x2="', 'y2="', 'image2="', "image=", "alt=", 'alt="', "label='", "="),
    *("12.5", "7", "100", "101.0", "-3", "0", "2", "1e3", "4,5", "%", ".", "dogs", 'a 5" nail', " ", "\n", '"', "'"),
    *("&amp;", "&quot;", "&#39;", "\\"),
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(st.sampled_from(WORDS), max_size=24).map("".join))
def test_it_reads_what_the_library_reads(read: Read, text: str) -> None:
    groups = read_points(text)
    expected = [(g.label, g.alt, p.x, p.y, p.image) for g in groups for p in g.points]
    got = read(text, pictures=10**7)["points"]
    assert [(p["label"], p["alt"], p["x"], p["y"], p["image"]) for p in got] == expected
