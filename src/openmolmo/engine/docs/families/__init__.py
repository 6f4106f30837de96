"""Kinds of pages, by tool: each writes the content of a small world and the source that draws it."""
