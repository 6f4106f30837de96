"""The result for people and programs: a table, JSON, and a page with the pictures and both sets of points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from openmolmo.core.config import to_dict
from openmolmo.core.errors import OpenMolmoError
from openmolmo.core.files import write_json, write_text
from openmolmo.core.pages import page
from openmolmo.core.progress import print_table
from openmolmo.evaluation.pictures import data_url
from openmolmo.inference.draw import COLOURS, enlarge, mark_radius, paste_mark
from openmolmo.pictures import open_image
from openmolmo.serving.parity.compare import Gap, Pair
from openmolmo.serving.parity.run import Parity
from openmolmo.serving.parity.verdict import as_json
from openmolmo.words.answer import Answer

__all__ = ["print_parity", "rows_of", "to_json", "write_report"]

_SIDE = 480  # pixels of the longer side of a picture on the page
_COLOUR_A, _COLOUR_B = COLOURS[1], COLOURS[2]


def rows_of(parity: Parity) -> list[tuple[str, str]]:
    """(what, figure) for the table."""
    found = parity.figures
    unit = found.unit
    return [
        ("requests", f"{found.asked}"),
        ("without a reply, A / B", f"{found.failures_a} / {found.failures_b}"),
        ("the same to the end", f"{found.same}"),
        (f"{unit} before the first difference", _percent(found.agreement)),
        ("points, A / B", f"{found.points_a} / {found.points_b}"),
        (f"points matched within {parity.gate.radius:g} %", _percent(found.matched)),
        ("distance of points, mean", _width(found.mean_distance)),
        ("distance of points, largest", _width(found.largest_distance)),
        ("the same count", f"{found.same_counts} of {found.counted}"),
        ("seconds to answer, A / B", f"{found.seconds_a:.1f} / {found.seconds_b:.1f}"),
    ]


def print_parity(parity: Parity) -> None:
    """The table on standard output, with what misses a threshold under it."""
    notes = [f"{name}: not asked: {fault.message}" for name, fault in parity.faults.items()]
    notes += _reasons(parity)
    notes += [f"over the threshold: {text}" for text in parity.misses]
    print_table(f"A {parity.a}\nB {parity.b}", ["", "figure"], rows_of(parity), notes)


def to_json(parity: Parity) -> dict[str, Any]:
    """Everything but the pictures."""
    return {
        "a": {"address": parity.a, **parity.about_a},
        "b": {"address": parity.b, **parity.about_b},
        "gate": to_dict(parity.gate),
        "figures": as_json(parity.figures),
        "passed": not parity.misses,
        "misses": parity.misses,
        "not_asked": {name: str(fault) for name, fault in parity.faults.items()},
        "pairs": [_pair_json(pair) for pair in parity.pairs],
    }


def write_report(parity: Parity, out: Path) -> None:
    """``out``: a page (.html) or JSON (.json), whole or not at all."""
    if out.suffix == ".json":
        write_json(out, to_json(parity))
        return
    text = page(
        "openmolmo.serving.parity",
        "parity.html.j2",
        title=f"{parity.a} beside {parity.b}",
        parity=parity,
        rows=rows_of(parity),
        cases=[_case(pair) for pair in parity.pairs],
        colours={"a": _COLOUR_A, "b": _COLOUR_B},
    )
    write_text(out, text)


def _reasons(parity: Parity) -> list[str]:
    """Each reason of a failure once, with how many questions it cost."""
    counts: dict[str, int] = {}
    for pair in parity.pairs:
        for name, said in (("A", pair.a), ("B", pair.b)):
            if isinstance(said, OpenMolmoError):
                reason = f"{name}: {said.message}"
                counts[reason] = counts.get(reason, 0) + 1
    return [f"without a reply ({count}): {reason}" for reason, count in counts.items()]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _width(distance: float | None) -> str:
    return "-" if distance is None else f"{distance:.3f} % of the width"


def _pair_json(pair: Pair) -> dict[str, Any]:
    first = pair.first
    return {
        "id": pair.question.id,
        "question": pair.question.request.text,
        "a": _said_json(pair.a, pair.answer_a),
        "b": _said_json(pair.b, pair.answer_b),
        "unit": pair.unit,
        "agreed": pair.agreed,
        "length": pair.length,
        "first_difference": None
        if first is None
        else {
            "place": first.place,
            "a": first.a,
            "b": first.b,
            "gap_a": _gap_json(first.gap_a),
            "gap_b": _gap_json(first.gap_b),
        },
        "distances": list(pair.distances),
        "near": pair.near,
    }


def _gap_json(gap: Gap | None) -> dict[str, Any] | None:
    return None if gap is None else {"value": gap.value, "exact": gap.exact}


def _said_json(said: Any, answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return {"error": str(said)}
    return {**answer.to_json(), "ids": None if said.ids is None else list(said.ids), "seconds": said.seconds}


def _case(pair: Pair) -> dict[str, Any]:
    verdict = "failed" if pair.failed else "same" if pair.same else "different"
    return {
        "id": pair.question.id,
        "question": pair.question.request.text,
        "verdict": verdict,
        "a": _text(pair.a, pair.answer_a),
        "b": _text(pair.b, pair.answer_b),
        "pair": pair,
        "pictures": list(_pictures(pair)),
    }


def _text(said: Any, answer: Answer | None) -> str:
    return f"no reply: {said.message}" if answer is None else answer.text or "(nothing)"


def _pictures(pair: Pair) -> Iterator[str]:
    """Each picture with A's points, and B's smaller on top: concentric where they agree."""
    sets = [(answer, colour) for answer, colour in ((pair.answer_a, _COLOUR_A), (pair.answer_b, _COLOUR_B)) if answer]
    most = max((len(answer.points) for answer, _ in sets), default=0)
    for place, image in enumerate(pair.question.request.images):
        picture = enlarge(open_image(image), smallest=_SIDE)
        picture.thumbnail((2 * _SIDE, 2 * _SIDE))
        radius = mark_radius(picture.size, most)
        for (answer, colour), scale in zip(sets, (1.6, 0.9), strict=False):
            for number, point in enumerate(answer.points, start=1):
                if point.image == place:
                    paste_mark(picture, point.x, point.y, colour, str(number), round(scale * radius))
        yield _small(picture)


def _small(picture: Image.Image) -> str:
    picture.thumbnail((_SIDE, _SIDE))
    return data_url(picture)
