"""Documents by a language model: data, code in the sandbox, a repair where it fails, questions that hold."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_doc_model import SLIPS, SLOW_SLIPS, FakeDocModel
from fake_llm_server import FakeLLMServer

from openmolmo.core.errors import DataError
from openmolmo.engine.docs.base import Chart, Program, Spec
from openmolmo.engine.docs.checks import CHECKS
from openmolmo.engine.docs.commands import docs
from openmolmo.engine.docs.failures import AuthorGone, RenderError
from openmolmo.engine.docs.llm.author import _source, llm_options_of
from openmolmo.engine.docs.llm.boxed import BoxedMatplotlib
from openmolmo.engine.docs.llm.contents import SCHEMAS, content_of
from openmolmo.engine.docs.llm.menu import _WAYS, menu
from openmolmo.engine.docs.llm.personas import persona, personas
from openmolmo.engine.docs.llm.reach import refuse_reaching_out
from openmolmo.engine.docs.llm.whole import refuse_incomplete
from openmolmo.engine.docs.pipeline import DocsResult, make_documents
from openmolmo.engine.docs.plan import DocsPlan
from openmolmo.engine.llm import parse_llm, prompts
from openmolmo.engine.sandbox import sandbox_missing
from openmolmo.records import ParquetDataset
from openmolmo.records.audit import audit_dataset
from openmolmo.records.check import check_dataset
from openmolmo.records.example import Made

needs_sandbox = pytest.mark.skipif(sandbox_missing("bwrap") is not None, reason=str(sandbox_missing("bwrap")))
FAULTS = {"busy": 0.05, "server": 0.05, "bad_json": 0.05, "half_json": 0.03, "fenced": 0.1}


def test_personas_are_many_and_different() -> None:
    known = personas()
    assert len(known) >= 300
    assert len(set(known)) == len(known)
    assert all(10 < len(one) < 120 for one in known)
    assert persona(0, 1) == persona(0, 1)
    assert len({persona(0, index) for index in range(50)}) > 30


def test_every_prompt_can_be_filled_in() -> None:
    package = "openmolmo.engine.docs.llm"
    for kind in SCHEMAS:
        said = prompts.load(f"data_{kind}@1", package=package).messages(
            {"persona": "a potter", "number": 3, "language": "English", "form": "grouped bar"}
        )
        assert "a potter" in said[-1]["content"]
    for tool in ("matplotlib", "typst", "graphviz", "vega", "html", "mermaid", "plotly", "latex"):
        assert prompts.load(f"rules_{tool}@1", package=package).text.startswith("- ")


def test_code_is_found_in_a_reply() -> None:
    for reply in ("x = 1\ny = 2", "Sure:\n```python\nx = 1\ny = 2\n```\nDone.", "```\nx = 1\ny = 2",
                  "Here:\n```json\nSo:\n```python\nx = 1\ny = 2\n```\n\n```\nMore?"):  # fmt: skip
        assert _source("matplotlib", reply) == "x = 1\ny = 2\n"
    assert _source("typst", "= A").endswith("\n= A\n")
    with pytest.raises(RenderError, match="no code"):
        _source("typst", "```\n```")


def test_data_that_do_not_fit_together_are_refused() -> None:
    chart = Spec(tool="matplotlib", kind="chart", family="matplotlib_grouped_bar", seed=0, index=0)
    data = {
        "topic": "t", "title": "T", "x_label": "x", "y_label": "y", "unit": "", "categories": ["a", "b", "c"],
        "series": ["s", "r"], "values": [[1, 2, 3], [4, 5, 6.25]],
    }  # fmt: skip
    made = content_of(chart, data)
    assert isinstance(made, Chart)
    assert made.shown[1] == ("4.00", "5.00", "6.25")
    for change, said in (
        ({"values": [[1, 2], [3, 4]]}, "need as many values"),
        ({"categories": ["a", "A ", "c"]}, "must all be different"),
        ({"values": [[1, 2, float("nan")], [1, 2, 3]]}, "no plain number"),
    ):
        with pytest.raises(DataError, match=said):
            content_of(chart, {**data, **change})
    diagram = Spec(tool="graphviz", kind="diagram", family="graphviz_flow", seed=0, index=0)
    with pytest.raises(DataError, match="not there"):
        content_of(
            diagram, {"title": "T", "nodes": ["a", "b"], "edges": [{"start": 0, "end": 5, "label": ""}], "topic": "t"}
        )


def test_every_way_to_check_is_known() -> None:
    for kind, ways in _WAYS.items():
        assert menu(kind) == ways
        for way in ways:
            assert len(inspect.signature(CHECKS[way.name]).parameters) == 1 + len(way.args), way.name


def test_source_that_reaches_out_is_refused() -> None:
    for tool, source in (
        ("typst", '#image("/etc/passwd")'),
        ("typst", '#import "@preview/x:1.0.0"'),
        ("latex", r"\input{/etc/passwd}"),
        ("latex", r"\write18{id}"),
        ("graphviz", 'digraph { n0 [image="/etc/x.png"] }'),
        ("vega", '{"data": {"url": "cars.json"}}'),
        ("html", "<script>fetch('x')</script>"),
        ("html", '<img src="https://example.com/a.png">'),
        ("mermaid", 'click n0 "https://example.com"'),
        ("plotly", '{"layout": {"images": [{"source": "file:///etc/passwd"}]}}'),
    ):
        with pytest.raises(RenderError, match="nothing but itself"):
            refuse_reaching_out(tool, source)
    refuse_reaching_out("html", '<h1 data-mark="title">On time</h1><svg xmlns="http://www.w3.org/2000/svg"></svg>')
    refuse_reaching_out("vega", '{"$schema": "https://vega.github.io/schema/vega-lite/v5.json"}')
    refuse_reaching_out("matplotlib", "import os")
    shop = "https://bakery.example"
    refuse_reaching_out("typst", f'#mk("value", (field: 0), "{shop}")', [shop])


@needs_sandbox
def test_marks_of_a_strangers_figure() -> None:
    spec = Spec(tool="matplotlib", kind="chart", family="matplotlib_pie", seed=0, index=0)
    chart = Chart(
        title="T", x_label="", y_label="", unit="", categories=("Apples", "Pears", "Nuts"), series=("s",),
        values=((1.0, 2.0, 3.0),), form="pie", shown=(("1", "2", "3"),),
    )  # fmt: skip
    pie = (
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n"
        "wedges, *_ = ax.pie(chart['values'][0], labels=chart['categories'])\n"
        "for w, s in zip(wedges, chart['shown'][0]):\n  import math\n  a = math.radians((w.theta1 + w.theta2) / 2)\n"
        "  ax.text(math.cos(a) / 2, math.sin(a) / 2, s)\nax.set_title(chart['title'])\n"
    )
    liar = "import json, os\nopen('marks.json', 'w').write('[[1, 2]]'); open('picture.png', 'wb')\nos._exit(0)\n"
    with BoxedMatplotlib("test") as boxed:
        rendered = boxed.render(Program(spec=spec, content=chart, source=pie, made_by="x"))
        found = {(mark.role, mark.text, mark.datum.get("category")) for mark in rendered.marks}
        assert {("axis", "Pears", 1), ("value", "2", 1), ("slice", "", 1), ("title", "T", None)} <= found
        refuse_incomplete(Program(spec=spec, content=chart, source=pie, made_by="x"), rendered)
        richer = dataclasses.replace(chart, categories=("Apples", "Plums", "Nuts"), shown=(("1", "7", "3"),))
        with pytest.raises(RenderError, match=r"does not show 'Plums', '7'$"):
            refuse_incomplete(Program(spec=spec, content=richer, source=pie, made_by="x"), rendered)
        with pytest.raises(RenderError, match="cannot be read"):
            boxed.render(Program(spec=spec, content=chart, source=liar, made_by="x"))


def make(out: Path, server: FakeLLMServer, count: int, **plan: object) -> DocsResult:
    llm = parse_llm(server.line(), ["retries=8"], cache=out.with_name("answers.sqlite"))
    settings = {"tools": ("matplotlib", "typst"), "author": "llm", "options": llm_options_of(llm), **plan}
    return make_documents(DocsPlan(count=count, **settings), out)  # type: ignore[arg-type]


def looked_at(result: DocsResult, model: FakeDocModel) -> Counter[str]:
    """Check the data set; how many of its questions are of which hand."""
    assert check_dataset(result.folder).ok
    assert audit_dataset(result.folder).ok
    hands = Counter[str]()
    for example in ParquetDataset(result.folder):
        assert example.provenance.receipts["written_by"] == "fake-1"
        assert all(made == (Made.TEXT_LLM, Made.PROGRAM) for made in example.provenance.made.values())
        assert example.facts["spec"]["persona"] in personas()
        assert "12345" not in [one["answer"] for one in example.facts["questions"]]
        hands.update(one["made_by"] for one in example.facts["questions"])
    assert model.said["repairs"] > 0
    return hands


@needs_sandbox
def test_ten_documents_with_repairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    model = FakeDocModel(every=3)
    with FakeLLMServer(reply=model, faults=FAULTS, seed=1) as server:
        result = make(tmp_path / "out", server, 10)
        texts = json.dumps(server.bodies)
        asked = len(server.bodies)
        make(tmp_path / "out", server, 10)
        assert len(server.bodies) == asked
    assert result.summary.pictures == 10
    assert looked_at(result, model)["fake-1"] >= 10
    assert result.summary.dropped["llm_unchecked"] > 0  # questions that name no way to be checked
    assert "sk-secret" not in texts
    assert "root:" not in texts


@needs_sandbox
@pytest.mark.slow
def test_a_hundred_documents_with_every_slip(tmp_path: Path) -> None:
    model = FakeDocModel({**SLIPS, **SLOW_SLIPS}, every=2)
    faults = {**FAULTS, "bad_json": 0.02, "half_json": 0.02}  # three in a row would give a picture up
    with FakeLLMServer(reply=model, faults=faults, seed=2) as server:
        result = make(tmp_path / "out", server, 100)
    assert result.summary.pictures == 100
    assert looked_at(result, model)["fake-1"] >= 100
    assert model.said["repairs"] >= 40
    assert len([name for name in model.said if name.startswith("slip")]) == len(model.slips)


def test_a_server_that_is_gone_stops_the_run_and_fails_nothing(tmp_path: Path) -> None:
    gone = parse_llm("openai:x@http://127.0.0.1:9/v1", ["retries=0"])
    plan = DocsPlan(tools=("typst",), count=2, author="llm", options=llm_options_of(gone))
    with pytest.raises(AuthorGone, match=r"127\.0\.0\.1:9"):
        make_documents(plan, tmp_path / "out")
    with FakeLLMServer(reply=FakeDocModel()) as server:
        result = make(tmp_path / "out", server, 2, tools=("typst",))
    assert result.summary.pictures == 2
    line = ["--llm", "openai:x@http://127.0.0.1:9/v1", "--llm-set", "retries=0"]
    run = CliRunner().invoke(docs, ["--out", str(tmp_path / "x"), "--tools", "typst", *line])
    assert run.exit_code == 1
    assert "127.0.0.1:9" in str(run.exception)
    assert not (tmp_path / "x").exists()
