"""Programs and pictures as JSON values, for the ledger."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from openmolmo.core.config import from_dict, to_dict
from openmolmo.engine.docs.base import Chart, Content, Diagram, Fields, Grid, Mark, Program, Rendered, Spec

__all__ = ["content_from_dict", "content_to_dict", "program_from_dict", "program_to_dict", "rendered_from_dict",
           "rendered_to_dict"]  # fmt: skip

_TYPES: dict[str, type[Any]] = {"chart": Chart, "grid": Grid, "fields": Fields, "diagram": Diagram}


def content_to_dict(content: Content) -> dict[str, Any]:
    """The content with its type's name under "type"."""
    return {"type": type(content).__name__.lower(), **to_dict(content)}


def content_from_dict(values: Mapping[str, Any]) -> Content:
    """What :func:`content_to_dict` made; other values are a :class:`ConfigError`."""
    content: Content = from_dict(_TYPES[values["type"]], {key: value for key, value in values.items() if key != "type"})
    return content


def program_to_dict(program: Program) -> dict[str, Any]:
    return {
        "spec": to_dict(program.spec),
        "content": content_to_dict(program.content),
        "source": program.source,
        "assets": {name: base64.b64encode(data).decode() for name, data in program.assets.items()},
        "style": dict(program.style),
        "made_by": program.made_by,
    }


def program_from_dict(values: Mapping[str, Any]) -> Program:
    return Program(
        spec=from_dict(Spec, values["spec"]),
        content=content_from_dict(values["content"]),
        source=values["source"],
        assets={name: base64.b64decode(data) for name, data in values["assets"].items()},
        style=values["style"],
        made_by=values["made_by"],
    )


def rendered_to_dict(rendered: Rendered) -> dict[str, Any]:
    """All but the picture itself."""
    return {
        "width": rendered.width,
        "height": rendered.height,
        "tool": rendered.tool,
        "version": rendered.version,
        "marks": [[m.role, [round(v, 2) for v in m.box], m.text, dict(m.datum)] for m in rendered.marks],
    }


def rendered_from_dict(values: Mapping[str, Any], png: bytes) -> Rendered:
    marks = tuple(
        Mark(role=role, box=(box[0], box[1], box[2], box[3]), text=text, datum=datum)
        for role, box, text, datum in values["marks"]
    )
    return Rendered(
        png=png, width=values["width"], height=values["height"], marks=marks, tool=values["tool"],
        version=values["version"],
    )  # fmt: skip
