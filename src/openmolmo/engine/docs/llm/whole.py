"""Whether a picture shows all of its data: code of a stranger may leave things out, and draw nothing at all."""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.engine.docs.base import Chart, Content, Diagram, Fields, Grid, Program, Rendered
from openmolmo.engine.docs.failures import RenderError

__all__ = ["refuse_incomplete", "texts_of"]

_NAMED = 6  # how many missing texts are named


def refuse_incomplete(program: Program, rendered: Rendered) -> None:
    """Raise RenderError where words or numbers of the content stand nowhere in the picture."""
    seen = {word for mark in rendered.marks for word in mark.text.casefold().split()}
    seen |= {word.strip(":;,.()") for word in seen}
    missing = [
        text
        for text in dict.fromkeys(texts_of(program.content))
        if not all(word in seen or word.strip(":;,.()") in seen for word in text.casefold().split())
    ]
    if missing:
        named = ", ".join(repr(text[:60]) for text in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise RenderError(rendered.tool, f"the picture does not show {named}{more}")


def texts_of(content: Content) -> Iterator[str]:
    """All that must be seen of a content: axis titles and units may be left out."""
    yield content.title
    match content:
        case Chart():
            yield from content.categories
            if len(content.series) > 1:
                yield from content.series
            for row in content.shown:
                yield from row
        case Grid():
            yield from content.header
            for texts in content.rows:
                yield from texts
        case Fields():
            for name, value in content.fields:
                yield from (name, value)
            yield from content.paragraphs
        case Diagram():
            yield from content.nodes
            yield from (label for _, _, label in content.edges)
