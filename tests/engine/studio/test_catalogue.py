"""Every text of the interface is in the catalogue, in every language, and every key that is used is there."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from openmolmo.engine.studio import app, catalogue

APP = Path(app.__file__).parent
TEXTS = Path(catalogue.__file__).parent
TEMPLATES = sorted((APP / "templates").rglob("*.j2"))
SCRIPTS = sorted((APP / "static").rglob("*.js"))
CALLED = re.compile(r"""(?<![\w.])t\(\s*["'`]([a-z_]+\.[a-z_.]+)["'`]""")
PLACES = re.compile(r"\{(\w+)\}")


def texts(locale: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted((TEXTS / locale).glob("*.json")):
        own = json.loads(file.read_text("utf-8"))
        strange = [key for key in own if not key.startswith((f"{file.stem}.", "project.option_"))]
        assert not strange, f"{file}: a key begins with the name of its file"
        assert not found.keys() & own.keys(), "a key stands in one file"
        found.update(own)
    return found


@pytest.mark.parametrize("locale", catalogue.LOCALES[1:])
def test_languages_say_the_same(locale: str) -> None:
    english, other = texts("en"), texts(locale)
    assert english.keys() == other.keys()
    for key, text in english.items():
        assert text.strip() == text != "", key
        assert other[key].strip() == other[key] != "", key
        assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(other[key])), key


def test_every_key_that_is_used_is_there() -> None:
    known = texts("en")
    missing = {
        f"{path.name}: {key}"
        for path in (*TEMPLATES, *SCRIPTS, *APP.rglob("*.py"))
        for key in CALLED.findall(path.read_text("utf-8"))
        if key not in known and not key.endswith((".", "_"))
    }
    assert not missing
    used = "\n".join(path.read_text("utf-8") for path in (*TEMPLATES, *SCRIPTS, *TEXTS.parent.rglob("*.py")))
    shared = ("account.", "common.", "pages.", "people.", "project.", "review", "statistics.", "work.")
    idle = [
        key
        for key in known
        if key.startswith(shared)
        and key not in used
        and re.sub(r"(?<=_)[a-z_]+$", "", key) not in used
        and key.partition("_")[0] + "_" not in used
        and not key.endswith((".title", ".about"))
        and ".option_" not in key
    ]
    assert not idle, idle


class _Words(HTMLParser):
    """Text between tags, and attributes that people read, of a template without its Jinja parts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.within: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("input", "img", "link", "meta", "br"):
            self.within.append(tag)
        self.found += [
            value or "" for name, value in attributes if name in ("aria-label", "title", "alt", "placeholder")
        ]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.within:
            while self.within.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"pre", "kbd", "script", "style"} & set(self.within):
            self.found.append(data)


def test_templates_say_nothing_of_their_own() -> None:
    for path in TEMPLATES:
        source = re.sub(r"\{% block body_class %\}\w*\{% endblock %\}", "", path.read_text("utf-8"))
        source = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", source, flags=re.DOTALL)
        words = _Words()
        words.feed(source)
        said = [word for text in words.found for word in re.findall(r"[^\W\d_]{2,}", text)]
        assert not said, f"{path.name}: {said}"


def test_texts_cannot_reach_into_objects() -> None:
    known = catalogue.load()["en"]
    assert known.text("pages.hello", name="{0.__class__}") == "Hello, {0.__class__}"
    assert known.text("nowhere.here") == "nowhere.here"
    assert catalogue.negotiate("fr-FR,de-AT;q=0.8,en;q=0.5") == "de"
    assert catalogue.negotiate("") == "en"
    assert not any(key.startswith("pages.") for key in known.for_scripts())
