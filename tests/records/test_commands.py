"""`openmolmo data check | show | audit`: what is printed, written and returned."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from making import ALL_KINDS, BAR, example, image_ref, picture
from PIL import Image

from openmolmo.core.errors import DataError
from openmolmo.records.audit import audit_dataset
from openmolmo.records.commands import data
from openmolmo.records.example import Caption, ImageRef, Made, Point, Pointing, Provenance
from openmolmo.records.shards import write_dataset
from openmolmo.records.show import write_page


def run(*arguments: object) -> Result:
    return CliRunner().invoke(data, [str(argument) for argument in arguments])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "good", [example(number) for number in range(3)])
    return tmp_path / "good"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    write_dataset(
        tmp_path / "bad", [example(0), example(1, annotations=(Pointing(label="x", points=(Point(320, 50),)),))]
    )
    return tmp_path / "bad"


def test_check_says_no_fault_and_ends_with_0(good: Path) -> None:
    result = run("check", good)
    assert result.exit_code == 0
    assert "3 examples" in result.stdout and "6 counting" in result.stdout and "no fault" in result.stdout


def test_check_lists_faults_in_a_table_and_ends_with_1(bad: Path) -> None:
    result = run("check", bad)
    assert result.exit_code == 1
    line = next(line for line in result.stdout.splitlines() if "320" in line)
    cells = [cell.strip() for cell in line.split("│")[1:-1]]
    assert cells[:4] == ["data-00000.parquet", "1", "annotations[0].points[0].x", "percent"]
    assert "percent: points are percent" in result.stdout
    assert "1 fault" in result.stdout.splitlines()[-1]


def test_check_lists_up_to_a_limit_and_says_so(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", [example(n, annotations=(Caption(text=""),)) for n in range(5)])
    result = run("check", tmp_path / "d", "--limit", 2)
    assert "and 3 more faults; --limit 5 lists all" in result.stdout
    assert "5 faults" in result.stdout


def test_check_as_json(good: Path, bad: Path) -> None:
    values = json.loads(run("check", good, "--json").stdout)
    assert (values["ok"], values["examples"], values["faults"]) == (True, 3, [])
    result = run("check", bad, "--json")
    assert result.exit_code == 1
    fault = json.loads(result.stdout)["faults"][0]
    assert fault == {
        "file": "data-00000.parquet",
        "row": 1,
        "field": "annotations[0].points[0].x",
        "rule": "percent",
        "message": "x is 320.0; if these are pixels, divide by the width and multiply by 100",
    }


def test_data_cannot_paint_on_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"image": "[red]x\x1b[31m.jpg", "caption": "A."}))
    result = run("check", tmp_path)
    assert "\x1b" not in result.stdout
    assert "[red]x" in result.stdout


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ((Made.SPOKEN, Made.SPEECH, Made.TEXT_LLM), 0),
        ((Made.CLICKED,), 0),
        ((Made.OCR, Made.DETECTOR, Made.WRITTEN, Made.PROGRAM), 0),
        ((Made.VLM,), 1),
        ((Made.VLM, Made.WRITTEN), 1),
        ((Made.UNKNOWN,), 1),
        ((), 1),
        (None, 1),
    ],
)
def test_audit_ends_with_1_for_vision_language_models_and_the_unknown(
    tmp_path: Path, made: tuple[Made, ...] | None, code: int
) -> None:
    how = {"caption": (Made.PROGRAM,)} if made is None else {"caption": (Made.PROGRAM,), "pointing": made}
    origin = Provenance(dataset="mixed", licence="MIT", made=how, tool="studio", version="2")
    annotations = (Caption(text="A."), Pointing(label="x", points=(Point(1, 1),)), Caption(text="B."))
    write_dataset(tmp_path / "d", [example(n, annotations=annotations, provenance=origin) for n in range(3)])
    result = run("audit", tmp_path / "d")
    assert result.exit_code == code
    assert ("REFUSED" in result.stdout) == bool(code)
    table = json.loads(run("audit", tmp_path / "d", "--json").stdout)
    assert (table["ok"], table["refused"], table["examples"]) == (not code, 3 * code, 3)
    assert table["rows"] == [
        {
            "dataset": "mixed",
            "licence": "MIT",
            "kind": kind,
            "made": chain,
            "tool": "studio 2",
            "count": count,
            "ok": ok,
        }
        for kind, chain, count, ok in (
            ("caption", ["program"], 6, True),
            ("pointing", [str(item) for item in made or (Made.UNKNOWN,)], 3, not code),
        )
    ]


def test_audit_refuses_rows_that_do_not_say(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"image": "a.jpg", "caption": "A."}')
    assert run("audit", tmp_path).exit_code == 1
    (tmp_path / "dataset.json").write_text('{"made": {"caption": ["person-spoken", "speech-recognition"]}}')
    result = run("audit", tmp_path)
    assert result.exit_code == 0
    assert "person-spoken → speech-recognition" in result.stdout


def test_empty_data_sets_are_errors(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", [])
    for call in (lambda: audit_dataset(tmp_path / "d"), lambda: write_page(tmp_path / "d", tmp_path / "x.html")):
        with pytest.raises(DataError, match="has no examples"):
            call()
    assert not (tmp_path / "x.html").exists()


def test_show_writes_one_page_with_everything(tmp_path: Path) -> None:
    masked = dataclasses.replace(ALL_KINDS[4], label="<script>alert(1)</script>")
    made = [
        example(0, image=image_ref(picture(1200, 600), 1200, 600), annotations=(*ALL_KINDS, masked)),
        example(1, image=None),
        example(2, image=ImageRef(url="https://example.org/a.jpg")),
        example(3, image=image_ref(b"<html>")),
    ]
    write_dataset(tmp_path / "d", made)
    result = run("show", tmp_path / "d", "--out", tmp_path / "page.html")
    assert result.exit_code == 0
    assert str(tmp_path / "page.html") in result.stdout
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    words = html.unescape(page)
    for text in (
        "Two bars [on] a <wall>.",
        "so, um, two bars",
        "How many bars?",
        "not in the picture",
        "It is [here = the bar].",
        "<script>alert(1)</script>",
        "program",
        "bars",
        "CC0-1.0",
        "audio_sha256",
        "text only",
        "https://example.org/a.jpg",
        "the picture holds markup",
        "e-3",
    ):
        assert text in words, text
    # Points stand at their percent of the thumbnail (384 x 192), masks have its shape.
    assert '<svg viewBox="0 0 384 192"' in page
    assert '<circle cx="192.0" cy="87.36"' in page
    pictures = re.findall(r'href="data:image/(\w+);base64,([^"]+)"', page)
    first = [(form, Image.open(io.BytesIO(base64.b64decode(content)))) for form, content in pictures[:2]]
    assert [(form, image.size) for form, image in first] == [("jpeg", (384, 192)), ("png", (12, 8))]
    assert first[1][1].getchannel("A").getbbox() == (0, 3, 12, 5)  # the border of BAR is all of it
    assert BAR.counts == (36, 24, 36)


def test_show_takes_a_part(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("show", good, "--limit", 1, "--start", 1, "--json")
    assert json.loads(result.stdout) == {"page": str(tmp_path / "good.html"), "examples": 1}
    page = (tmp_path / "good.html").read_text()
    assert "e-1" in page and "e-0" not in page and "e-2" not in page
    assert "of 3" in page
    with pytest.raises(DataError, match="has 3 examples"):
        write_page(good, tmp_path / "x.html", start=3)


def test_show_works_on_a_users_own_rows(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(form="PNG"))
    Image.new("LA", (5, 9)).save(tmp_path / "b.png")
    rows = [{"image": name, "label": "x", "points": [{"x": 50, "y": 50}]} for name in ("a.png", "b.png", "none.png")]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert write_page(tmp_path, tmp_path / "page.html") == 3
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/jpeg") == 2
    assert "none.png does not exist" in page


def openmolmo(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "import sys; from openmolmo.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_real_command_says_what_is_wrong_without_a_traceback(tmp_path: Path, bad: Path) -> None:
    missing = openmolmo("data", "check", tmp_path / "nowhere")
    assert missing.returncode == 1
    assert missing.stderr.startswith("error: ") and "does not exist" in missing.stderr
    assert "Traceback" not in missing.stderr
    assert openmolmo("data", "check", bad).returncode == 1


def test_show_puts_each_point_on_its_own_picture(tmp_path: Path) -> None:
    points = (Point(50.0, 45.5), Point(25.0, 50.0, 1))
    pointing = Pointing(label="bar", points=points, masks=(BAR, BAR))
    made = example(0, annotations=(pointing,)).replace(images=[image_ref(), image_ref(picture(400, 800), 400, 800)])
    write_dataset(tmp_path / "d", [made])
    assert write_page(tmp_path / "d", tmp_path / "page.html") == 1
    first, second = re.findall("<svg.*?</svg>", (tmp_path / "page.html").read_text(encoding="utf-8"), re.DOTALL)
    assert re.findall(r'<circle cx="([^"]+)" cy="([^"]+)"', first) == [("6.0", "3.64")]
    assert re.findall(r'<circle cx="([^"]+)" cy="([^"]+)"', second) == [("48.0", "192.0")]
    assert first.count('class="mask"') == second.count('class="mask"') == 1
