"""Seeded, plausible small worlds: a shop, a clinic, a race, the weather, a school ... with invented people and places.

    chart(rng, spec, form)    numbers by category and series
    grid(rng, spec)           a table with units, spans and missing values
    fields(rng, spec, form)   a receipt, an invoice, a letter ...
    diagram(rng, spec, form)  nodes and edges

Every name comes from the lists beside this file, which are our own and free (CC0-1.0); given names are common ones.
Words and dates are in one of ``LANGUAGES``.
"""

from openmolmo.engine.docs.worlds.chart import CHART_FORMS, chart
from openmolmo.engine.docs.worlds.colours import COLOURS, hexes
from openmolmo.engine.docs.worlds.diagram import DIAGRAM_FORMS, diagram
from openmolmo.engine.docs.worlds.fields import FIELD_FORMS, fields
from openmolmo.engine.docs.worlds.grid import GRID_FORMS, grid
from openmolmo.engine.docs.worlds.language import LANGUAGES, NumberFormat, number_format

__all__ = [
    "CHART_FORMS",
    "COLOURS",
    "DIAGRAM_FORMS",
    "FIELD_FORMS",
    "GRID_FORMS",
    "LANGUAGES",
    "NumberFormat",
    "chart",
    "diagram",
    "fields",
    "grid",
    "hexes",
    "number_format",
]
