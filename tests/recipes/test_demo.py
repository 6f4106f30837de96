"""The whole demo, as small as can be."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from openmolmo.apps.demo import run as demo_run
from openmolmo.apps.demo.commands import demo
from openmolmo.apps.demo.plan import QUICK
from openmolmo.core.runlog import read_jsonl
from openmolmo.inference.load import load
from openmolmo.model.find import find_model


class Page(HTMLParser):
    """What a page refers to, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.sources += [values[name] or "" for name in ("src", "data") if name in values]
        self.links += [values["href"] or ""] if "href" in values else []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, random_model: Path):
    out = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:  # a random model does not know when to end
        patch.setattr(demo_run, "QUICK", replace(QUICK, max_new_tokens=6))
        patch.setattr(demo_run, "load", lambda model, max_new_tokens: load(model, max_new_tokens=6))
        result = CliRunner().invoke(
            demo, ["--quick", "--seed", "3", "--model", str(random_model), "--out", str(out)], catch_exceptions=False
        )
    assert result.exit_code == 0
    return out, result


def test_it_ends_with_a_page_that_needs_no_other_file(done) -> None:
    out, result = done
    assert result.stdout.rstrip().endswith(str(out / "report.html"))
    page = Page()
    page.feed((out / "report.html").read_text())
    assert len(page.sources) > 10 and all(source.startswith("data:image/") for source in page.sources)
    assert all(link.startswith("#") for link in page.links)
    words = " ".join(" ".join(page.words).split())
    for expected in (
        "Pointing",
        "Counting",
        "Short answers",
        "Captions",
        "most frequent",
        "shuffled",
        "seed 3",
        "quick run",
    ):
        assert expected in words
    assert "openmolmo train micro_sft" in words
    assert not re.search(r"\bnan\b|None\b|Undefined", words)


def test_it_tells_its_steps(done) -> None:
    _, result = done
    told = " ".join(result.stderr.split())
    for number in range(1, 7):
        assert f"[{number}/6]" in told
    assert "wrong: there are" in told  # two steps teach nothing, and each answer is marked
    assert "--seed 3 makes the same data again" in told and "What to try next" in told


def test_it_leaves_models_scores_and_pictures(done) -> None:
    out, _ = done
    for stage in ("seeing", "answering"):
        assert find_model(out / "training" / stage) == out / "training" / stage / "final"
        assert [row["step"] for row in read_jsonl(out / "training" / stage / "metrics.jsonl")] == [1, 2]
        assert not list((out / "training" / stage).glob("step-*"))
    assert {path.parent.name for path in out.glob("evaluation/*/results.json")} == {"trained-now", "finished"}
    for number, verb in enumerate(("point", "count", "caption") * 2, 1):
        with Image.open(out / f"pictures/{number}-{verb}.jpg") as picture:
            assert max(picture.size) == (320 if number <= 3 else 96)
        with Image.open(out / f"pictures/{number}-{verb}-answer.png") as picture:
            picture.load()


@pytest.mark.slow
def test_a_second_demo_with_the_same_seed_makes_the_same_data(done, random_model: Path) -> None:
    out, _ = done
    before = {path.name: path.read_bytes() for path in out.glob("data/*/*.parquet")}
    losses = [row["loss"] for row in read_jsonl(out / "training/answering/metrics.jsonl")]
    again = CliRunner().invoke(demo, ["--quick", "--seed", "3", "--model", str(random_model), "--out", str(out)])
    assert again.exit_code == 0, again.exception
    assert "is replaced" in " ".join(again.stderr.split())
    assert {path.name: path.read_bytes() for path in out.glob("data/*/*.parquet")} == before
    assert [row["loss"] for row in read_jsonl(out / "training/answering/metrics.jsonl")] == losses
