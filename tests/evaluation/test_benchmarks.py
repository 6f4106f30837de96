"""Every benchmark has a fixture, golden prompts, replies, scores and lines for its server, and a place in the docs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmark_cases import FIXTURES, GOLDENS, NAMES, PLACES, load, render

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.evaluation.benchmarks.base import BENCHMARKS, RequestSettings
from openmolmo.evaluation.captions.asking import Judge
from openmolmo.evaluation.published.tables import academic, skills
from openmolmo.evaluation.suite.average import members
from openmolmo.evaluation.suite.questions import Places, load_questions

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "judge-on-benchmarks.md"


def test_prompts_scores_and_submissions_are_the_golden_ones() -> None:
    golden = json.loads(GOLDENS.read_text(encoding="utf-8"))
    assert sorted(golden) == NAMES
    for name in NAMES:
        found = json.loads(json.dumps(render(name)))
        assert found == golden[name], f"{name}: see tests/evaluation/benchmark_cases.py"


def test_the_docs_have_a_row_and_a_heading_for_every_benchmark() -> None:
    page = HOW_TO.read_text(encoding="utf-8")
    table = page[page.index("## The benchmarks") : page.index("### ")]
    rows = dict(re.findall(r"^\| `(\w+)` (\|.*\|)$", table, re.MULTILINE))
    assert sorted(rows) == NAMES and len(NAMES) == 23
    for name in NAMES:
        benchmark = BENCHMARKS.get(name)
        assert benchmark.name == name
        settings, expected = benchmark.settings, benchmark.splits[benchmark.split]
        number = "?" if expected is None else f"{expected:,}"
        cells = [
            benchmark.split,
            number,
            settings.style,
            settings.max_crops,
            settings.max_new_tokens,
            benchmark.headline,
        ]
        assert rows[name] == f"| {' | '.join(str(cell) for cell in cells)} |"
        section = re.search(rf"^### {re.escape(benchmark.title)}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
        assert section and f"`{benchmark.source}`" in section[1] and len(section[1].split()) > 8, benchmark.title


SKILLS = {  # of benchmarks outside Table 1: topic and metric of the published numbers
    "ai2d_opaque": ("AI2D", "opaque"),
    "android_control_high": ("AndroidControl", "high-level step accuracy"),
    "android_control_low": ("AndroidControl", "low-level step accuracy"),
    "clock_bench": ("clocks", "accuracy"),
    "points_eval": ("pointing", "F1"),
}


def published_score(name: str, model: str) -> str:
    """What the paper reports; "-" where it reports nothing."""
    key = BENCHMARKS.get(name).published
    if key is not None:
        return next(str(row.scores[key]) for row in academic() if row.model == model)
    found = [row.value for row in skills() if row.model == model and (row.topic, row.metric) == SKILLS.get(name)]
    return str(found[0]) if found else "-"


def test_the_docs_show_a_prompt_of_every_benchmark_and_the_published_scores() -> None:
    page = HOW_TO.read_text(encoding="utf-8")
    section = page[page.index("## Prompts and published scores") :]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    golden = json.loads(GOLDENS.read_text(encoding="utf-8"))
    for name in NAMES:
        prompts = [one["prompt"] for one in golden[name][BENCHMARKS.get(name).split]["questions"]]
        prompt, *scores = rows[name].split(" | ")
        assert prompt.strip("`").replace("⏎", "\n") in [one.strip() for one in prompts], name
        assert scores == [published_score(name, model) for model in ("Molmo-7B-D", "Molmo-72B")], name


def test_the_eleven_are_the_papers_and_crops_and_tokens_as_there() -> None:
    keys = [BENCHMARKS.get(name).published for name in members("academic11")]
    assert keys == list(academic()[0].scores) and len(keys) == 11
    assert len(academic()) == 14
    counting = {"count_bench_qa", "pixmo_count", "points_eval"}
    for name in NAMES:
        settings = BENCHMARKS.get(name).settings
        assert (settings.max_crops, settings.max_new_tokens == 192) == (
            (12, True) if name in counting else (12 if name == "caption_f1" else 36, False)
        )
    assert set(members("skills")) == {"android_control_high", "android_control_low", "clock_bench", "points_eval"}
    with pytest.raises(ConfigError, match="max_crops=0"):
        RequestSettings(style=None, max_crops=0)


def test_several_pictures_go_to_the_places_of_their_marks() -> None:
    benchmark = BENCHMARKS.get("mmmu")
    loaded = load("mmmu", settings=benchmark.settings.replace(pictures="all"))
    both = next(item for item in loaded.items if len(item.question.images) == 2)
    assert both.question.text.startswith("Is <|image|> older than <|image|>?\nA: yes")
    assert [image.data for image in loaded.images(both)] == [
        pq.read_table(FIXTURES / "sets/mmmu/Art/validation-00000-of-00001.parquet")[column][1].as_py()["bytes"]
        for column in ("image_1", "image_2")
    ]
    assert all(len(item.question.images) == 1 for item in load("mmmu").items)


def test_a_limit_draws_the_same_questions_and_a_judge_extracts() -> None:
    first = [item.question.id for item in load("text_vqa", limit=2).items]
    assert len(first) == 2 and first == [item.question.id for item in load("text_vqa", limit=2).items]
    judge = Judge(lambda prompt: "7\n" if "QUESTION:\nHow many" in prompt and "seven" in prompt else "NONE", "toy")
    judged = BENCHMARKS.get("math_vista").judged_by(judge)
    item = load("math_vista").items[-1]
    assert judged.score(item.question, "There are seven of them.", "released") == {"accuracy": 1.0}
    assert load("math_vista").benchmark.score(item.question, "There are seven.", "released") == {"accuracy": 0.0}


def copy_of(name: str, folder: Path) -> Places:
    shutil.copytree(FIXTURES / "sets" / name, folder / name)
    return Places(data=folder, images=PLACES.images)


def test_faults_of_the_data_are_said(tmp_path: Path) -> None:
    places = copy_of("text_vqa", tmp_path)
    file = tmp_path / "text_vqa/data/validation-00000-of-00001.parquet"
    table = pq.read_table(file)
    pq.write_table(table.drop_columns(["answers"]), file)
    with pytest.raises(DataError, match="column answers is missing"):
        load_questions(BENCHMARKS.get("text_vqa"), places)

    rows = table.to_pylist()
    rows[1]["question"] = None  # one bad row
    rows[2]["image"] = {"bytes": b"no picture", "path": "x.png"}
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)
    loaded = load_questions(BENCHMARKS.get("text_vqa"), places)
    assert len(loaded.items) == 2 and len(loaded.faults) == 1 and "column question holds None" in loaded.faults[0]

    places = copy_of("clock_bench", tmp_path)
    (tmp_path / "clock_bench/openimg_final.csv").unlink()
    loaded = load_questions(BENCHMARKS.get("clock_bench"), places)
    assert list(loaded.missing) == ["openimg"] and len(loaded.items) == 2

    with pytest.raises(DataError, match="not on this machine") as raised:
        load_questions(BENCHMARKS.get("pixmo_count"), Places(data=PLACES.data))
    assert raised.value.fix is not None and "--images" in raised.value.fix

    row = {"question": "Which?", "options": ["a cell", "a leaf"], "answer": "1", "image": rows[0]["image"]}
    (tmp_path / "ai2d").mkdir()
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "ai2d/test-00000-of-00001.parquet")
    assert len(load_questions(BENCHMARKS.get("ai2d_opaque"), Places(data=tmp_path)).items) == 1
    with pytest.raises(DataError, match="may be opaque"):
        load_questions(BENCHMARKS.get("ai2d"), Places(data=tmp_path))
    with pytest.raises(ConfigError, match="no split 'train'"):
        load("vqa2", split="train")
