"""Tools that draw documents: exact boxes, the same bytes twice, the tool's own words, hangs that end."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image, ImageOps

from openmolmo.core.rng import derive
from openmolmo.engine.docs.base import FAMILIES, TOOLS, Box, Chart, Diagram, Mark, Program, Rendered, Spec, ToolSession
from openmolmo.engine.docs.failures import RenderError
from openmolmo.engine.docs.families.matplotlib.words import Words, typeface
from openmolmo.engine.docs.fonts import font_folder
from openmolmo.engine.docs.questions import View, ask
from openmolmo.engine.docs.tools import chromium
from openmolmo.engine.docs.tools.layout import refuse_bad_layout
from openmolmo.engine.docs.tools.lettering import lacking
from openmolmo.engine.docs.tools.vega_letters import FontFiles, outlined
from openmolmo.engine.docs.verify import verified

OURS = ("graphviz", "vega", "html", "mermaid", "plotly", "latex")
STRANGE = "\ue0ff"  # for private use: no font has it


def there(tool: str) -> None:
    sentence = TOOLS.get(tool).missing()
    if sentence is not None:
        pytest.skip(sentence)


def written(family: str, index: int = 0, language: str = "en") -> Program:
    found = FAMILIES.get(family)
    spec = Spec(tool=found.tool, kind=found.kind, family=family, seed=1, index=index, language=language)
    return found.write(derive(1, family, index), spec)


@contextmanager
def opened(tool: str, timeout: float | None = None) -> Iterator[ToolSession]:
    there(tool)
    found = TOOLS.get(tool)
    with found.open() if timeout is None else found.open(timeout=timeout) as session:  # type: ignore[call-arg]
        yield session


def cut(rendered: Rendered, box: Box) -> np.ndarray:
    picture = Image.open(io.BytesIO(rendered.png)).convert("RGB")
    assert picture.size == (rendered.width, rendered.height)
    left, top, right, bottom = (round(side) for side in box)
    return np.asarray(picture)[max(top, 0) : bottom, max(left, 0) : right].astype(int)


def has_ink(rendered: Rendered, box: Box) -> bool:
    """Whether something is drawn in a box."""
    pixels = cut(rendered, (box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1))
    return bool(pixels.size) and int(np.ptp(pixels.reshape(-1, 3), axis=0).max()) > 60


def marks_of(rendered: Rendered, role: str) -> list[Mark]:
    return [mark for mark in rendered.marks if mark.role == role]


def assert_exact(rendered: Rendered) -> None:
    """Boxes lie in the picture, texts have ink in them."""
    for mark in rendered.marks:
        left, top, right, bottom = mark.box
        assert -2 <= left <= right <= rendered.width + 2 and -2 <= top <= bottom <= rendered.height + 2, mark
        if mark.text and mark.role != "node":
            assert has_ink(rendered, mark.box), mark


def assert_one_colour(rendered: Rendered, mark: Mark) -> None:
    """A bar is filled with its colour up to its edges, and ends there."""
    left, top, right, bottom = mark.box
    inner = cut(rendered, (left + 2, top + 2, right - 2, bottom - 2)).reshape(-1, 3)
    colour = np.median(inner, axis=0)
    assert (np.abs(inner - colour).max(axis=1) < 40).mean() > 0.9, mark
    above = cut(rendered, (left + 2, top - 4, right - 2, top - 2)).reshape(-1, 3)
    assert (np.abs(above - colour).max(axis=1) > 40).mean() > 0.4, mark


def test_every_tool_says_what_is_missing_and_has_six_families_of_each_kind() -> None:
    for tool in OURS:
        sentence = TOOLS.get(tool).missing()
        assert sentence is None or "install" in sentence
        families = [FAMILIES.get(name) for name in FAMILIES if name.startswith(f"{tool}_")]
        for kind in TOOLS.get(tool).kinds:
            assert sum(family.kind == kind for family in families) >= 6, (tool, kind)
        for family in families:
            one, other = written(family.name, 3, "fr"), written(family.name, 3, "fr")
            assert one == other and one.source != written(family.name, 4, "fr").source


def check_chart(tool: str) -> None:
    """Bars as long as their numbers, filled with one colour; the same bytes twice; faults refused."""
    there(tool)
    program = next(made for n in range(9) if not (made := written(f"{tool}_bar", n)).style["labels"])
    with opened(tool) as session:
        rendered, again = session.render(program), session.render(program)
        assert rendered.png == again.png and rendered.marks == again.marks
        assert_exact(rendered)
        content = program.content
        assert isinstance(content, Chart)
        bars = sorted(marks_of(rendered, "bar"), key=lambda mark: mark.datum["category"])
        heights = np.array([mark.box[3] - mark.box[1] for mark in bars])
        assert heights / heights.max() == pytest.approx(
            np.array(content.values[0]) / np.max(content.values[0]), abs=0.02
        )
        for mark in bars:
            assert_one_colour(rendered, mark)
        assert [mark.text for mark in marks_of(rendered, "title")] == [content.title]
        named = {mark.datum["category"]: mark.text for mark in marks_of(rendered, "axis") if "category" in mark.datum}
        assert named == dict(enumerate(content.categories))
        strange = program.source.replace(content.title, f"A {STRANGE} title")
        with pytest.raises(RenderError, match=r"letter .*U\+E0FF"):
            session.render(dataclasses.replace(program, source=strange))
        with pytest.raises(RenderError, match="not JSON"):
            session.render(dataclasses.replace(program, source="{"))
        assert session.render(program).png == rendered.png


def test_vega_bars_are_where_their_boxes_say() -> None:
    check_chart("vega")


def test_letters_of_charts_lie_in_their_boxes_whichever_way_they_are_turned() -> None:
    """Of Matplotlib's charts, whose texts are set by us; Vega's are outlines."""
    for upright, across, down in ((False, "left", "top"), (True, "right", "bottom"), (True, "center", "center")):
        words = Words(
            text="Jäger (kWh)", font=typeface("DejaVu Serif", 17.5), colour="#000000", upright=upright,
            across=across, down=down, x=120.3, y=119.8,
        )  # fmt: skip
        picture = Image.new("RGB", (240, 240), "white")
        words.paint(picture)
        left, top, right, bottom = ImageOps.invert(picture).getbbox()  # of the ink
        box = words.box
        assert box[0] <= left and box[1] <= top and right <= box[2] and bottom <= box[3], (upright, box)
        assert (right - left) * (bottom - top) > 0.6 * (box[2] - box[0]) * (box[3] - box[1])
    for name in ("heat_map", "dual_axis", "small_multiples"):
        program = written(f"matplotlib_{name}", 1)
        with opened("matplotlib") as session:
            assert_exact(session.render(program))
    text = '<svg><text font-size="20px" font-family="DejaVu Sans" fill="#f00" text-anchor="end">A&amp; b</text></svg>'
    drawn = outlined(text, FontFiles(font_folder()))
    assert "<text" not in drawn and drawn.count("<path") == 3 and 'fill="#f00"' in drawn and "font" not in drawn


@pytest.mark.slow
def test_vega_fetches_nothing_and_a_process_that_dies_is_replaced() -> None:
    program = written("vega_pie")
    with opened("vega") as session:
        for address in ("https://example.com/rows.json", "file:///etc/passwd"):
            chart = {**json.loads(program.source), "data": {"url": address}}
            with pytest.raises(RenderError, match="nothing is fetched"):
                session.render(dataclasses.replace(program, source=json.dumps(chart)))
        assert len(marks_of(session.render(program), "slice")) == len(program.content.categories)  # type: ignore[union-attr]
        child = session._child  # type: ignore[attr-defined]
        child._process.kill()
        with pytest.raises(RenderError, match="its process ended"):
            session.render(program)
        child._first_timeout = 0.01
        with pytest.raises(RenderError, match="did not end within"):
            session.render(program)


@pytest.mark.slow
def test_whatever_is_asked_about_a_vega_chart_is_found_again() -> None:
    """Numbers beside a slice, small points, thin slices: nothing that is asked is dropped."""
    with opened("vega") as session:
        for family in (name for name in FAMILIES.names() if name.startswith("vega_")):
            for index in range(3):
                program = written(family, index)
                rendered = session.render(program)
                rng = derive(7, family, index)
                asked = ask(View(content=program.content, rendered=rendered, language="en", rng=rng, source=""), 100)
                assert len(asked) > 3 and not verified(asked, program, rendered)[1], (family, index)


def test_graphviz_nodes_edges_and_labels_are_found() -> None:
    program = written("graphviz_flow", 2)
    content = program.content
    assert isinstance(content, Diagram)
    with opened("graphviz") as session:
        rendered = session.render(program)
        assert rendered.png == session.render(program).png
        assert_exact(rendered)
        assert {mark.datum["node"]: mark.text.replace("\n", " ") for mark in marks_of(rendered, "node")} == dict(
            enumerate(content.nodes)
        )
        assert {mark.datum["edge"] for mark in marks_of(rendered, "edge")} == set(range(len(content.edges)))
        for mark in marks_of(rendered, "edge"):
            assert has_ink(rendered, mark.box)
        for source, words in (
            ("digraph { n0 -> ", "syntax error"),
            (f'digraph {{ n0 [label="A {STRANGE}"] }}', "no font has the letter"),
        ):
            with pytest.raises(RenderError, match=words):
                session.render(dataclasses.replace(program, source=source))


def test_latex_cells_are_where_tex_put_them() -> None:
    program = written("latex_prices")
    with opened("latex") as session:
        rendered = session.render(program)
        assert_exact(rendered)
        cells = marks_of(rendered, "cell")
        grid = program.content
        assert {(mark.datum["row"], mark.datum["column"]): mark.text for mark in cells} == {
            (row, column): text
            for row, texts in enumerate(grid.rows)
            for column, text in enumerate(texts)  # type: ignore[union-attr]
        }
        for source, words in (
            (
                program.source.replace(r"\begin{document}", r"\begin{document}\nosuchthing"),
                "Undefined control sequence",
            ),
            (program.source.replace(r"\begin{document}", r"\begin{document}語"), "Unicode character"),
        ):
            with pytest.raises(RenderError, match=words):
                session.render(dataclasses.replace(program, source=source))


@pytest.mark.slow
def test_latex_drawings_are_exact_and_a_loop_is_ended() -> None:
    program = written("latex_flow", 1)
    with opened("latex", timeout=100) as session:
        rendered = session.render(program)
        assert rendered.png == session.render(program).png
        assert_exact(rendered)
        for mark in marks_of(rendered, "node"):
            left, top, right, _ = mark.box
            assert has_ink(rendered, (left, top - 2, right, top + 3)), "the node's frame"
    with opened("latex", timeout=2) as session, pytest.raises(RenderError, match="did not end within 2 seconds"):
        session.render(dataclasses.replace(program, source=r"\documentclass{article}\def\a{\a}\begin{document}\a"))


def test_texts_out_of_the_page_or_on_each_other_are_refused() -> None:
    here = Mark(role="label", box=(10, 10, 60, 30), text="Revenue")
    refuse_bad_layout("vega", [here, Mark(role="word", box=(12, 12, 40, 28), text="Rev")], 100, 40)
    with pytest.raises(RenderError, match="'Revenue' runs out of the page"):
        refuse_bad_layout("vega", [here], 50, 40)
    with pytest.raises(RenderError, match="lie on each other"):
        refuse_bad_layout("vega", [here, Mark(role="label", box=(30, 12, 90, 28), text="Costs")], 100, 40)
    if TOOLS.get("graphviz").missing() is None:
        assert lacking(f"Größe 12 €{STRANGE}\u00a0") == STRANGE


HTML = "<!doctype html><html><body style='margin:0;width:300px;font:16px DejaVu Sans'>{}</body></html>"


def page(body: str) -> Program:
    return dataclasses.replace(written("html_prices"), source=HTML.format(body), style={"width": 300})


@pytest.mark.browser
def test_html_boxes_are_exact_and_unreadable_pages_are_refused() -> None:
    program = written("html_grouped")
    with opened("html") as session:
        rendered = session.render(program)
        assert rendered.png == session.render(program).png
        assert_exact(rendered)
        plain = session.render(
            page("<p>One two</p><div data-mark=bar style='width:90px;height:20px;background:#c00'></div>")
        )
        assert [mark.text for mark in marks_of(plain, "word")] == ["One", "two"]
        (bar,) = marks_of(plain, "bar")
        assert_one_colour(plain, bar)
        for body, words in (
            ("<div style='width:40px;overflow:hidden;white-space:nowrap'>a very long text</div>", "cut off"),
            (
                "<div style='position:absolute;left:250px;white-space:nowrap'>a very long text</div>",
                "runs out of the page",
            ),
            (f"<p>A {STRANGE}</p>", "no font has the letter"),
            ("<p style='margin:0'>Revenue</p><p style='margin:-19px 0 0'>Spending</p>", "lie on each other"),
            ("", "empty"),
            ("<div style='height:90000px'>high</div>", "more than"),
        ):
            with pytest.raises(RenderError, match=words):
                session.render(page(body))
        for word in marks_of(session.render(page("<p style='width:170px'>Handed in on 2018-02-07. Done.</p>")), "word"):
            assert word.box[3] - word.box[1] < 25, f"{word.text} stands in one line"
        # Scripts do not run, pictures are not fetched.
        quiet = session.render(
            page("<p>still</p><script>document.body.innerHTML='gone'</script><img src='http://a.b/c'>")
        )
        assert [mark.text for mark in quiet.marks] == ["still"]


@pytest.mark.browser
def test_plotly_bars_are_where_their_boxes_say() -> None:
    check_chart("plotly")


@pytest.mark.browser
def test_mermaid_finds_nodes_and_edges_and_says_what_is_wrong() -> None:
    with opened("mermaid") as session:
        for family in ("mermaid_flow", "mermaid_er", "mermaid_sequence", "mermaid_state", "mermaid_mindmap"):
            program = written(family, 1)
            rendered = session.render(program)
            assert rendered.png == session.render(program).png, family
            content = program.content
            assert isinstance(content, Diagram)
            assert {mark.datum.get("node") for mark in marks_of(rendered, "node")} >= set(range(len(content.nodes)))
            assert {mark.datum.get("edge") for mark in marks_of(rendered, "edge")} >= set(range(len(content.edges)))
            assert_exact(rendered)
        with pytest.raises(RenderError, match="No diagram type"):
            session.render(dataclasses.replace(program, source="nothing of the kind"))


@pytest.mark.browser
def test_a_hanging_page_is_ended_and_a_crashed_browser_is_replaced() -> None:
    program = written("plotly_bar", 2)
    with opened("plotly", timeout=100) as session, opened("html", timeout=100) as other:
        before = session.render(program).png
        table = other.render(written("html_prices")).png
        worker = session._worker  # type: ignore[attr-defined]
        worker._timeout = 2.0
        with pytest.raises(RenderError, match="did not end within 2 seconds"):
            worker.shoot(lambda page: page.evaluate("() => { for (;;) {} }"), "() => 0", size=(100, 100), scale=1.0)
        worker._timeout = 20.0
        assert other.render(written("html_prices")).png == table
        assert session.render(program).png == before
        chromium._SHARED.kill()
        with pytest.raises(RenderError):
            session.render(program)
        assert session.render(program).png == before
        assert other.render(written("html_prices")).png == table


def test_labels_of_lines_that_cross_do_not_meet() -> None:
    program = written("latex_state", 19, "it")  # "avvio" and "pagare" would lie on each other
    assert {label for _, _, label in program.content.edges} >= {"avvio", "pagare"}  # type: ignore[union-attr]
    with opened("latex") as session:
        assert session.render(program).marks
