"""Documents by programs: worlds, fonts, layout, questions and their second path, the ledger, noise, the command."""

from __future__ import annotations

import dataclasses
import io
import multiprocessing
import os
import re
import signal
import sqlite3
import time
from pathlib import Path

import hanging_family
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openmolmo.cli import cli
from openmolmo.core.errors import ConfigError, DataError, DiskFullError, RunError
from openmolmo.core.files import only_writer
from openmolmo.core.rng import derive
from openmolmo.engine.docs import pipeline, worlds
from openmolmo.engine.docs.base import FAMILIES, TOOLS, Chart, Diagram, Fields, Grid, Mark, Program, Rendered, Spec
from openmolmo.engine.docs.checks.diagrams import source_edges
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.fonts import lacking_letters
from openmolmo.engine.docs.ledger import LEDGER, Ledger, Row
from openmolmo.engine.docs.llm.boxed import BoxedMatplotlib
from openmolmo.engine.docs.noise import add_noise
from openmolmo.engine.docs.pipeline import make_documents
from openmolmo.engine.docs.plan import DocsPlan, usable_tools
from openmolmo.engine.docs.questions import QUESTION_FAMILIES, Question, View, ask
from openmolmo.engine.docs.questions.base import _wordings
from openmolmo.engine.docs.tools.layout import refuse_bad_layout
from openmolmo.engine.docs.verify import verified
from openmolmo.engine.docs.worlds.language import grouped_format
from openmolmo.records import open_dataset
from openmolmo.records.audit import audit_dataset
from openmolmo.records.check import check_dataset


def spec(family: str, index: int = 0, language: str = "en") -> Spec:
    found = FAMILIES.get(family)
    return Spec(tool=found.tool, kind=found.kind, family=family, seed=0, index=index, language=language)


def drawn(family: str, index: int = 0, language: str = "en") -> tuple[Program, Rendered]:
    """A picture of one of our families."""
    program = FAMILIES.get(family).write(derive(3, family, index), spec(family, index, language))
    with TOOLS.get(program.spec.tool).open() as session:
        return program, session.render(program)


def changed(program: Program, source: str) -> Program:
    return dataclasses.replace(program, source=source)


def test_worlds_are_whole_in_every_language() -> None:
    """Shapes agree, names are unique, bills add up, shares make a whole."""
    for language in worlds.LANGUAGES:
        where = spec("typst_receipt", language=language)
        for index in range(8):
            for form in worlds.CHART_FORMS:
                chart = worlds.chart(derive(0, language, form, index), where, form)
                assert [len(row) for row in chart.values] == [len(chart.categories)] * len(chart.series)
                assert len(set(chart.categories)) == len(chart.categories)
                if form == "pie":
                    assert sum(v or 0 for v in chart.values[0]) == 100
            for form in worlds.GRID_FORMS:
                grid = worlds.grid(derive(0, language, form, index), where, form)
                assert {len(row) for row in (*grid.rows, *grid.numbers)} == {len(grid.header)}
                assert len(set(grid.header)) == len(grid.header)
            for form in worlds.DIAGRAM_FORMS:
                diagram = worlds.diagram(derive(0, language, form, index), where, form)
                assert len(set(diagram.nodes)) == len(diagram.nodes)
            bill = worlds.fields(derive(0, language, "bill", index), where, "receipt")
            numbers = grouped_format(language)
            assert bill.items is not None
            amounts = [numbers.parse(row[-1]) or 0 for row in bill.items.rows]
            subtotal, tax, total = (numbers.parse(value) or 0 for _, value in bill.fields[4:7])
            assert sum(amounts) == pytest.approx(subtotal) and subtotal + tax == pytest.approx(total)
    with pytest.raises(ConfigError, match="no chart form"):
        worlds.chart(derive(0), where, "spiral")


@given(st.sampled_from(worlds.LANGUAGES), st.integers(-(10**9), 10**9), st.integers(0, 2), st.booleans())
def test_numbers_are_read_as_they_are_written(language: str, whole: int, decimals: int, grouped: bool) -> None:
    formats = grouped_format(language)
    written = dataclasses.replace(formats, group=formats.group if grouped else "")
    value = round(whole / 10**decimals, decimals)
    assert formats.parse(written.with_unit(value, "km", decimals)) == pytest.approx(value)
    assert formats.parse(f"{written.text(1)} / {written.text(2)}") is None


def test_bad_pages_are_failed_renders() -> None:
    """A letter without a shape, a text over the edge, two pages, an error of the program: each is told, none kept."""
    program, _ = drawn("typst_form")
    head, _, _ = program.source.partition("#set page")
    page = head + "#set page(width: 200pt, height: 100pt, margin: 10pt)\n"
    faults = {
        "no font has the letter": page + '#mk("value", (:), "\u7ea2")',
        "runs out of the page": page + f'#mk("value", (:), "{"long" * 30}")',
        "2 pages": page + "#pagebreak() x",
        "unclosed": page + "#text(",
        "lie on each other": page + '#place(top)[#mk("value", (:), "one")]#place(top)[#mk("value", (:), "two")]',
    }
    with TOOLS.get("typst").open() as session:
        for words, source in faults.items():
            with pytest.raises(RenderError, match=words):
                session.render(changed(program, source))
        assert session.render(program).marks  # and the next page is drawn as if nothing had been
    assert lacking_letters("aé\u00a0\u7ea2") == "\u7ea2"
    with pytest.raises(RenderError, match="runs out"):
        refuse_bad_layout("any", [Mark(role="title", box=(-9.0, 0.0, 5.0, 5.0), text="x")], 20, 20)


def test_code_of_a_model_is_not_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    program, _ = drawn("matplotlib_bar")

    def boxed(self: BoxedMatplotlib, program: Program) -> Rendered:
        raise RenderError("matplotlib", f"came to the sandbox: {program.made_by}")

    monkeypatch.setattr(BoxedMatplotlib, "render", boxed)
    with TOOLS.get("matplotlib").open() as session, pytest.raises(RenderError, match="came to the sandbox: a model"):
        session.render(dataclasses.replace(program, source="raise SystemExit(7)", made_by="a model"))
    with TOOLS.get("matplotlib").open() as session:
        for source in ("figure =", "figure = undrawn", "figure, marks = 1 / 0, []", "marks = []"):
            with pytest.raises(RenderError, match="Error"):
                session.render(changed(program, source))


def test_boxes_are_where_the_ink_is() -> None:
    """Bars have their colour inside and not beside; the text of a cell is in its box."""
    program, rendered = drawn("matplotlib_bar")
    assert isinstance(program.content, Chart)
    pixels = np.asarray(Image.open(io.BytesIO(rendered.png)).convert("RGB")).astype(int)
    colour = worlds.hexes(program.content.colours, program.style["palette"])[0]
    wanted = np.array(list(bytes.fromhex(colour[1:])))
    for mark in rendered.marks:
        if mark.role == "bar":
            left, top, right, bottom = mark.box
            x, y = round((left + right) / 2), round((top + bottom) / 2)
            assert abs(pixels[y, x] - wanted).max() < 6
            assert abs(pixels[y, round(left) - 3] - wanted).max() > 6
    _, table = drawn("typst_prices")
    ink = np.asarray(Image.open(io.BytesIO(table.png)).convert("L"))
    for mark in table.marks:
        left, top, right, bottom = (round(value) for value in mark.box)
        assert ink[top:bottom, left:right].min() < 140, mark


def test_questions_are_found_again_and_wrong_ones_dropped() -> None:
    """Every family of four pictures is confirmed by the second path; the same with a wrong answer is not."""
    seen: set[str] = set()
    for family, language in (
        ("matplotlib_grouped_bar", "fr"), ("matplotlib_pie", "en"), ("typst_grouped", "de"), ("typst_invoice", "en"),
        ("typst_timetable", "es"), ("typst_report", "pt"),
    ):  # fmt: skip
        program, rendered = drawn(family, 1, language)
        view = View(
            content=program.content, rendered=rendered, language=language, rng=derive(1, family), source=program.source
        )
        asked = ask(view, 100)
        kept, dropped = verified(asked, program, rendered)
        assert len(kept) == len(asked) > 8 and not dropped
        for question in asked:
            if question.family in ("paper_word_after", "paper_edge_word", "paper_point_word"):
                assert question.answer[-1].isalnum() and ',"' not in question.question, question
        wrong = [_spoilt(question) for question in asked]
        kept, _ = verified(wrong, program, rendered)
        assert not kept
        seen |= {question.family for question in asked}
    assert len(seen) >= 50


def _spoilt(question: Question) -> Question:
    value = question.value
    other: str | float | bool = (
        (not value) if isinstance(value, bool) else value + (1 if isinstance(value, float) else "x")
    )
    return dataclasses.replace(question, value=other)


def test_edges_are_read_from_any_source() -> None:
    """The second path finds in dot, Mermaid and TikZ the edges that were to be drawn, and no others."""
    for name in FAMILIES.names():
        family = FAMILIES.get(name)
        silent = family.kind != "diagram" or name in {"latex_sequence", "mermaid_mindmap"}  # they name no ends
        for index in range(0 if silent else 4):
            program = family.write(derive(5, name, index), spec(name, index))
            assert isinstance(program.content, Diagram)
            assert sorted(source_edges(program.source)) == sorted(program.content.edges), (name, index)


def test_every_family_of_questions_has_several_wordings() -> None:
    names = [name for families in QUESTION_FAMILIES.values() for name in families]
    assert len(names) == len(set(names)) >= 90
    assert all(len(_wordings()[name]) >= 3 for name in names)


def test_noise_carries_the_boxes() -> None:
    """A red square stays under its box through turning, perspective and folds."""
    picture = Image.new("RGB", (400, 300), "white")
    picture.paste((200, 0, 0), (150, 100, 190, 130))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    mark = Mark(role="value", box=(150.0, 100.0, 190.0, 130.0), text="1")
    rendered = Rendered(png=stream.getvalue(), width=400, height=300, marks=(mark,), tool="t", version="1")
    for kind in ("print", "photo"):
        for index in range(4):
            noisy = add_noise(derive(index, kind), rendered, kind)
            pixels = np.asarray(Image.open(io.BytesIO(noisy.data)).convert("RGB")).astype(int)
            assert pixels.shape[:2] == (noisy.height, noisy.width)
            red = (pixels[..., 0] - pixels[..., 1]) > 60
            left, top, right, bottom = (round(value) for value in noisy.marks[0].box)
            inside = red[max(top - 3, 0) : bottom + 3, max(left - 3, 0) : right + 3].sum()
            assert inside > 0.97 * red.sum() > 0
    assert add_noise(derive(0), rendered, "none").data == rendered.png


PLAN = DocsPlan(tools=("matplotlib", "typst"), count=4, languages=("en", "it"), noise="mixed", questions=5)


def shard(folder: Path) -> bytes:
    return (folder / "train-00000.parquet").read_bytes()


def test_a_run_is_the_same_however_it_is_made(tmp_path: Path) -> None:
    """Two workers or one, killed in the middle or not, begun smaller or not: the same bytes, and nothing made twice."""
    plan = dataclasses.replace(PLAN, tools=("typst",))  # workers start sooner without Matplotlib
    whole = make_documents(plan, tmp_path / "whole")
    assert (whole.made, whole.manifest.rows) == (4, 4)
    assert whole.summary.verified == 1.0 and not whole.summary.failed
    assert make_documents(plan, tmp_path / "whole").made == 0
    smaller = tmp_path / "smaller"
    make_documents(dataclasses.replace(plan, count=2), smaller)
    again = make_documents(plan, smaller, workers=2)
    assert again.made == 2
    assert shard(smaller) == shard(tmp_path / "whole")
    assert check_dataset(smaller).ok and audit_dataset(smaller).ok
    for other in ({"count": 2}, {"seed": 1}, {"languages": ("en",)}, {"tools": ("matplotlib",)}):  # none replaces it
        with pytest.raises(DataError, match=rf"holds documents made with {next(iter(other))}="):
            make_documents(dataclasses.replace(plan, **other), smaller)
    assert shard(smaller) == shard(tmp_path / "whole")


def _run(folder: Path) -> None:
    make_documents(PLAN, folder)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_run_is_finished(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(tmp_path / "out",))
    process.start()
    ledger = tmp_path / "out" / LEDGER
    while process.is_alive() and _finished(ledger) < 2:
        time.sleep(0.02)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    before = _finished(ledger)
    assert before >= 2
    assert make_documents(PLAN, tmp_path / "out").made == 4 - before
    make_documents(PLAN, tmp_path / "calm")
    assert shard(tmp_path / "out") == shard(tmp_path / "calm")


def _finished(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(path) as database:
            return int(database.execute("SELECT count(*) FROM steps WHERE step = 'questions'").fetchone()[0])
    except sqlite3.DatabaseError:  # not made up yet
        return 0


class _Broken:
    """A family whose first draws are bad pages."""

    name, tool, kind = "typst_broken", "typst", "document"

    def __init__(self, until: int) -> None:
        self.until, self.calls = until, 0

    def write(self, rng: np.random.Generator, spec: Spec) -> Program:
        self.calls += 1
        source = "#text(" if self.calls <= self.until else "#set page(height: auto)\n= Fine"
        content = Fields(title=f"Fine {self.calls}", fields=())
        return Program(spec=spec, content=content, source=source)


def test_failures_stay_in_the_ledger_and_take_nothing_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FAMILIES, "_local", {"typst_broken": _Broken(99)})
    monkeypatch.setattr(FAMILIES, "names", lambda: ["typst_broken", "typst_menu"])
    plan = dataclasses.replace(PLAN, tools=("typst",), count=2)
    result = make_documents(plan, tmp_path / "out")
    assert (result.manifest.rows, result.summary.failed.total()) == (1, 3)
    ledger = Ledger(tmp_path / "out" / LEDGER)
    errors = [row for row in ledger.errors() if row.step == "render"]
    assert len(errors) == 3 and all("unclosed" in row.error for row in errors)
    ledger.close()
    monkeypatch.setattr(FAMILIES, "_local", {"typst_broken": _Broken(1)})
    assert make_documents(plan, tmp_path / "mended").manifest.rows == 2


@pytest.mark.slow
def test_a_picture_that_hangs_is_ended_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FAMILIES, "_local", {hanging_family.NAME: hanging_family.Hangs()})
    monkeypatch.setattr(FAMILIES, "names", lambda: [hanging_family.NAME])
    monkeypatch.setattr(pipeline, "ATTEMPTS", 1)
    plan = hanging_family.HangingPlan(tools=("typst",), count=4)
    result = make_documents(plan, tmp_path / "out", workers=1, patience=2.0)
    assert (result.manifest.rows, result.summary.failed.total()) == (3, 1)
    ledger = Ledger(tmp_path / "out" / LEDGER)
    assert {row.error for row in ledger.errors()} == {"typst: the process that drew it did not end within 2 seconds"}
    ledger.close()
    assert make_documents(plan, tmp_path / "out", workers=1, patience=2.0).made == 0  # a failure is not tried for ever


def test_a_ledger_that_is_damaged_or_full_says_so(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text("no database" * 200)
    with pytest.raises(DataError, match="cannot be used"):
        make_documents(PLAN, tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("x")
    with pytest.raises(DataError, match="holds no ledger"):
        make_documents(PLAN, tmp_path / "other")
    with only_writer(tmp_path), pytest.raises(RunError, match="another process is writing"):
        make_documents(PLAN, tmp_path)
    ledger = Ledger(tmp_path / "small.sqlite")
    ledger._db.execute("PRAGMA max_page_count = 8")
    rows = [Row(address=str(n), step="render", item=n, attempt=0, output={}, picture=bytes(20_000)) for n in range(3)]
    with pytest.raises(DiskFullError, match="cannot be written"):
        ledger.put(rows)
    assert ledger.get("0") is None  # all rows of an item, or none
    ledger.close()


def test_a_missing_tool_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(TOOLS.get("typst")), "missing", lambda self: "typst is not here: pip install it")
    there, sentences = usable_tools(["typst", "matplotlib"])
    assert (there, sentences) == (("matplotlib",), ["typst is not here: pip install it"])
    with pytest.raises(ConfigError, match="none of the tools is installed: typst is not here"):
        usable_tools(["typst"])
    words = ["synth", "docs", "--tools", "typst,matplotlib", "--count", "1", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert "left out: typst is not here" in done.output and "confirmed by the second path" in done.output
    example = open_dataset(tmp_path / "out")[0]
    assert example.facts["spec"]["tool"] == "matplotlib" and example.facts["marks"]
    page = tmp_path / "page.html"
    assert CliRunner().invoke(cli, ["data", "show", str(tmp_path / "out"), "--out", str(page)]).exit_code == 0
    assert 'class="answer"' in page.read_text()
    wrong = CliRunner().invoke(cli, ["synth", "docs", "--kinds", "poem", "--out", str(tmp_path / "no")])
    assert wrong.exit_code == 2 and "chart, table, document, diagram" in wrong.output


def test_papers_agree_with_themselves() -> None:
    """An invoice is due soon after its date, in one form of dates; a chart by year has no other year in its title."""
    for index in range(20):
        rng = derive(11, index)
        paper = worlds.fields(rng, spec("typst_invoice", index, "de"), "invoice")
        days = [value for name, value in paper.fields if "atum" in name or "llig" in name]
        assert len(days) == 2 and len({"." in day.rpartition(" ")[2] for day in days}) == 1, days
        years = [int(day[-4:]) for day in days]
        assert years[1] - years[0] in (0, 1)
        chart = worlds.chart(rng, spec("vega_area", index), "area")
        assert not (chart.categories[0].isdigit() and re.search(r", 20\d\d$", chart.title)), chart


def test_tables_with_a_total_do_not_count_it() -> None:
    """A line of totals is no entry: extremes and sums leave it out, and the second path agrees."""
    found = 0
    for index in range(12):
        program, rendered = drawn("typst_matrix", index)
        assert isinstance(program.content, Grid)
        if program.content.rows[-1][0] != "Total":
            continue
        view = View(content=program.content, rendered=rendered, language="en", rng=derive(2, index))
        asked = [question for question in ask(view, 100) if question.family in {"table_extreme", "table_sum"}]
        found += len(asked)
        assert all(question.answer != "Total" for question in asked)
        assert verified(asked, program, rendered)[1] == {}
    assert found
