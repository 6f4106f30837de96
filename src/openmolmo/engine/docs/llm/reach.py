"""Source that reaches out of its picture: refused before a tool sees it, whatever the tool itself would do."""

from __future__ import annotations

import re
from collections.abc import Iterable

from openmolmo.engine.docs.failures import RenderError

__all__ = ["refuse_reaching_out"]

_ADDRESS = re.compile(r"\b(?:https?|ftp|file|data|javascript):(?=\S)", re.IGNORECASE)
_ALLOWED = re.compile(r"https?://(?:www\.w3\.org/|vega\.github\.io/schema/)[\w/.#-]*")
"""Names of languages that look like addresses and are never fetched."""

_OF_TOOL = {
    "typst": r"#?\b(?:import|include)\s+\"|\b(?:read|image|plugin|csv|json|yaml|toml|xml|cbor|bibliography)\s*\(",
    "latex": r"\\(?:input|include\w*|write\d*|openin|openout|read|immediate|special|directlua)\b|\{shellesc\}",
    "graphviz": r"\b(?:image|shapefile|imagepath|fontpath|stylesheet|URL|href)\s*=",
    "vega": r"\"(?:url|href|loader)\"\s*:",
    "plotly": r"\"(?:source|href)\"\s*:|<\s*(?:script|img|iframe|a)\b",
    "html": r"<\s*(?:script|iframe|object|embed|link|base|form|meta\s+http-equiv)\b|@import|\burl\s*\(|\bon\w+\s*=",
    "mermaid": r"\bclick\s|<\s*(?:script|img|iframe|a)\b|%%\{\s*init",
}


def refuse_reaching_out(tool: str, source: str, texts: Iterable[str] = ()) -> None:
    """Raise RenderError where source for a declarative tool names files, addresses or scripts.

    ``texts`` of the document itself are not looked at: a letter may show an address. Code for Matplotlib may say what
    it likes: in its sandbox there is nothing to reach.
    """
    if tool not in _OF_TOOL:
        return
    for text in texts:
        source = source.replace(text, "") if ":" in text else source
    found = _ADDRESS.search(_ALLOWED.sub("", source)) or re.search(_OF_TOOL[tool], source, re.IGNORECASE)
    if found:
        raise RenderError(tool, f"the source must need nothing but itself, it has {found[0].strip()!r}")
