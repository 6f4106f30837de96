"""What people see: pages that need no server, consoles without Unicode, groups that others add commands to."""

from __future__ import annotations

import importlib
import io
import json
import re
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import click
import jinja2
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from openmolmo.core import command_group, console, progress
from openmolmo.core.command_group import OpenGroup
from openmolmo.core.pages import page, page_environment

# ------------------------------------------------------------------------------------------- pages


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with a template of its own."""
    folder = tmp_path / "toy_pages" / "templates"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "toy.html.j2").write_text(
        '{% extends "base.html.j2" %}{% block style %}.toy { color: var(--good) }{% endblock %}'
        "{% block content %}<p>{{ said }}</p>{% endblock %}"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield "toy_pages"
    sys.modules.pop("toy_pages", None)


def test_a_page_asks_no_server_for_anything(templates: str) -> None:
    made = page(templates, "toy.html.j2", title="mine", said="hello")
    assert "<p>hello</p>" in made and ".toy { color: var(--good) }" in made
    for outside in ("http:", "https:", "//", "@import", "<link", "<script", "url("):
        assert outside not in made


def test_titles_and_values_are_text_and_never_markup(templates: str) -> None:
    nasty = '</title><script>alert("x")</script>&'
    made = page(templates, "toy.html.j2", title=nasty, said=nasty)
    assert "<script" not in made and made.count("</title>") == 1
    assert made.count("&lt;script&gt;") == 2 and made.count("&amp;") == 2


def test_the_style_sheet_is_whole_and_has_both_looks(templates: str) -> None:
    made = page(templates, "toy.html.j2", title="t", said="")
    assert "color-scheme: light dark" in made and "light-dark(" in made
    used = set(re.findall(r"var\((--[\w-]+)", made))
    assert used and all(f"{name}:" in made for name in used)
    assert "&gt;" not in made.partition("</style>")[0]  # selectors are not escaped


def test_a_value_that_a_template_lacks_is_an_error(templates: str) -> None:
    with pytest.raises(jinja2.UndefinedError, match="said"):
        page(templates, "toy.html.j2", title="t")
    with pytest.raises(jinja2.UndefinedError, match="title"):
        page(templates, "toy.html.j2", said="x")
    with pytest.raises(jinja2.TemplateNotFound):
        page_environment(templates).get_template("other.html.j2")


# ----------------------------------------------------------------------------------------- console


def written(text: str, encoding: str, monkeypatch: pytest.MonkeyPatch, errors: str = "strict") -> bytes:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors=errors))
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # a stream without an encoding of its own is left alone
    console.use_plain_signs()
    sys.stdout.write(text)
    sys.stdout.flush()
    return raw.getvalue()


def test_a_console_without_unicode_gets_plain_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written("a → b … ✓ 2×3 ≥ 5 – 6", "ascii", monkeypatch) == b"a -> b ... + 2x3 >= 5 - 6"


def test_other_letters_become_the_escapes_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = written("é 漢 🙂", "ascii", monkeypatch).decode("ascii")
    assert shown == "\\u00e9 \\u6f22 \\ud83d\\ude42"
    assert json.loads(f'"{shown}"') == "é 漢 🙂"


def test_an_encoding_that_has_the_signs_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written("é →", "utf-8", monkeypatch) == "é →".encode()
    assert written("é →", "latin-1", monkeypatch) == b"\xe9 ->"


def test_a_users_own_choice_of_errors_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written("é→", "ascii", monkeypatch, errors="replace") == b"??"


@given(st.text(max_size=30))
def test_no_text_breaks_an_ascii_console(text: str) -> None:
    console.use_plain_signs()
    text.encode("ascii", "openmolmo.plain").decode("ascii")


def test_json_goes_out_as_signs_only_where_they_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, expected in (("utf-8", "é"), ("ascii", "\\u00e9"), ("cp1252", "\\u00e9")):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
        console.echo_json({"said": "é"})
        sys.stdout.flush()
        text = raw.getvalue().decode(encoding)
        assert expected in text and json.loads(text) == {"said": "é"}


@pytest.mark.parametrize(("count", "said"), [(0, "0 points"), (1, "1 point"), (2, "2 points")])
def test_nouns_agree_with_their_number(count: int, said: str) -> None:
    assert console.counted(count, "point") == said


def test_a_table_in_a_file_loses_no_word(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    progress.print_table("Scores", ["set", "value"], [["x" * 60, 0.12345]], notes=["[red] stays as it is"])
    shown = capsys.readouterr().out
    assert "x" * 60 in shown and "0.123" in shown and "0.12345" not in shown
    assert shown.endswith("[red] stays as it is\n")


def test_what_is_said_is_neither_wrapped_nor_read_as_markup() -> None:
    raw = io.StringIO()
    progress.say("/a/[bold]/" + "long/" * 60, Console(file=raw, width=40))
    assert raw.getvalue() == "/a/[bold]/" + "long/" * 60 + "\n"


def test_a_bar_gives_every_item_and_is_silent_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.track(iter(range(5)), "making", 5)) == list(range(5))
    assert capsys.readouterr().out == ""


# ---------------------------------------------------------------------------------- command groups


@click.command()
def added() -> None:
    """From a plug-in."""
    click.echo("added ran")


def a_group(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> OpenGroup:
    def found(*, group: str) -> EntryPoints:
        assert group == "toy.commands"
        return EntryPoints(points)

    monkeypatch.setattr(command_group, "entry_points", found)
    group = OpenGroup("toy", opened="toy.commands", summaries={"added": "As summed up."})

    @group.command()
    def own() -> None:
        """Of the group itself."""

    return group


def point(name: str, target: str) -> EntryPoint:
    return EntryPoint(name, target, "toy.commands")


def test_help_lists_added_commands_and_imports_none(monkeypatch: pytest.MonkeyPatch) -> None:
    group = a_group(monkeypatch, point("added", "no.such.module:x"), point("zebra", "no.such.module:y"))
    shown = CliRunner().invoke(group, ["--help"])
    assert shown.exit_code == 0
    for words in (r"added\s+As summed up\.", r"own\s+Of the group itself\.", r"zebra\s+\(plug-in\)"):
        assert re.search(words, shown.output)


def test_an_added_command_runs_and_an_unknown_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    group = a_group(monkeypatch, point("added", f"{__name__}:added"))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[added.callback.__module__])
    assert CliRunner().invoke(group, ["added"]).output == "added ran\n"
    unknown = CliRunner().invoke(group, ["other"])
    assert unknown.exit_code == 2 and "No such command 'other'" in unknown.output


def test_completion_offers_what_begins_so_without_loading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    group = a_group(monkeypatch, point("added", "no.such.module:x"))
    context: Any = click.Context(group)
    assert [(item.value, item.help) for item in group.shell_complete(context, "a")] == [("added", "As summed up.")]
    assert [item.value for item in group.shell_complete(context, "")] == ["added", "own"]
    assert "--help" in [item.value for item in group.shell_complete(context, "--")]
