"""How each family of questions is answered from the rendered picture alone: the verifier's second path."""

from __future__ import annotations

from collections.abc import Callable

from openmolmo.engine.docs.checks.charts import CHART_CHECKS
from openmolmo.engine.docs.checks.diagrams import DIAGRAM_CHECKS
from openmolmo.engine.docs.checks.papers import PAPER_CHECKS
from openmolmo.engine.docs.checks.reading import Reading
from openmolmo.engine.docs.checks.tables import TABLE_CHECKS

__all__ = ["CHECKS", "Reading"]

CHECKS: dict[str, Callable[..., str | float | bool | None]] = {
    **CHART_CHECKS,
    **TABLE_CHECKS,
    **PAPER_CHECKS,
    **DIAGRAM_CHECKS,
}
"""By family: ``check(reading, *args)`` gives the answer, or raises a LookupError where it cannot be found."""
