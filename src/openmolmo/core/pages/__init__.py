"""HTML pages of one look: a base page and one style sheet, light and dark, written into every page.

    page("openmolmo.records", "show.html.j2", title="my points", cards=cards)

A template of a room begins with ``{% extends "base.html.j2" %}`` and fills the block ``content`` (and ``style`` with
rules of its own). The variables of the style sheet (``page.css``) are its colours: ``--page``, ``--card``, ``--line``,
``--ink``, ``--dim``, ``--soft``, ``--a``, ``--b``, ``--plain``, ``--good``, ``--bad``, and for what is pressed or warns
``--press``, ``--on-press``, ``--warn``, ``--wash``. A page needs no other file and asks no server for anything.
Modules that several servers give to browsers stand in ``static``.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import jinja2

__all__ = ["page", "page_environment"]


def page_environment(package: str, folder: str = "templates") -> jinja2.Environment:
    """Templates of ``folder`` in ``package``, which may extend the base page; unknown variables are errors."""
    loader = jinja2.ChoiceLoader(
        [jinja2.PackageLoader(package, folder), jinja2.PackageLoader("openmolmo.core.pages", ".")]
    )
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals["sheet"] = resources.files("openmolmo.core.pages").joinpath("page.css").read_text("utf-8")
    return environment


def page(package: str, template: str, *, folder: str = "templates", **values: Any) -> str:
    """The finished page; ``values`` are what its template names, ``title`` always among them."""
    return page_environment(package, folder).get_template(template).render(**values)
