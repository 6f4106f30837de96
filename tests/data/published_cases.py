"""How each published set is opened on its fixture, and what its prompts and replies look like.

python tests/data/published_cases.py         writes the goldens anew (look at the difference)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openmolmo.data.sources.base import SOURCES
from openmolmo.data.sources.published import PublishedSet
from openmolmo.data.sources.published_source import PublishedSource
from openmolmo.prompting import FormatConfig, Formatter

FIXTURES = Path(__file__).parents[1] / "fixtures" / "data"
PUBLISHED = FIXTURES / "published"
GOLDENS = FIXTURES / "published.json"

URLS = {"images": "pictures"}
CASES: dict[str, list[dict[str, Any]]] = {
    "a_okvqa": [{}, {"form": "multiple_choice"}, {"form": "direct_answer"}],
    "ai2d": [
        {"split": "test"},
        {"split": "test", "form": "transparent"},
        {"split": "test", "form": "opaque"},
        {"split": "test", "path": "ai2d_hub"},
        {"split": "validation"},
    ],
    "android_control": [{}, {"form": "reasoning"}],
    "chart_qa": [{}, {"form": "human"}, {"form": "synthetic"}],
    "clock_bench": [{"config": "coco"}, {"config": "movies"}],
    "count_bench_qa": [{}],
    "doc_vqa": [{}, {"grouped": False}],
    "dvqa": [{}],
    "figure_qa": [{}],
    "info_vqa": [{"split": "train"}, {"split": "validation"}],
    "math_vista": [{}],
    "mmmu": [{}, {"config": "Art"}],
    "ok_vqa": [{"split": "train"}, {"split": "validation"}],
    "pixmo_ask_model_anything": [URLS],
    "pixmo_cap": [URLS, {}],
    "pixmo_cap_qa": [URLS],
    "pixmo_clocks": [{}],
    "pixmo_count": [URLS, {**URLS, "form": "pointing"}, {**URLS, "split": "validation"}],
    "pixmo_docs": [{"config": config} for config in ("charts", "tables", "diagrams", "other")],
    "pixmo_point_explanations": [URLS],
    "pixmo_points": [URLS]
    + [{**URLS, "form": f"{kind}_{way}"} for kind in ("basic", "high_frequency") for way in ("pointing", "counting")],
    "pixmo_points_eval": [URLS],
    "plot_qa": [{}, {"path": "plot_qa_release"}],
    "real_world_qa": [{}],
    "science_qa": [{}],
    "st_vqa": [{}],
    "tabmwp": [{}],
    "tally_qa": [{"split": "train"}, {"split": "test"}],
    "text_vqa": [{}],
    "tulu3": [{}, {"fraction": 0.34}],
    "vqa2": [{"split": "train"}, {"split": "validation"}],
}
"""Options by set; ``path`` and ``images`` are folders of the fixtures (default: named like the set)."""


def declared(name: str) -> PublishedSet:
    found = SOURCES.get(name)
    assert isinstance(found, PublishedSet)
    return found


def options(name: str, case: dict[str, Any]) -> dict[str, Any]:
    """A case with its folders in place."""
    folders = {key: str(PUBLISHED / case[key]) for key in ("path", "images") if key in case}
    return {"path": str(PUBLISHED / name), **case, **folders}


def opened(name: str, case: dict[str, Any]) -> PublishedSource:
    return declared(name)(**options(name, case))


def render(name: str, case: dict[str, Any]) -> list[dict[str, Any]]:
    """Every example of a case: its id and, annotation by annotation, the turns in plain wording."""
    formatter, rendered = Formatter(FormatConfig()), []
    for example in opened(name, case):
        branches = [formatter.branch(annotation, None) for annotation in example.annotations]
        styles = [annotation.style for annotation in example.annotations]
        texts = [[turn.text for turn in branch or []] for branch in branches]
        rendered.append({"id": example.id, "branches": [[s, *t] for s, t in zip(styles, texts, strict=True)]})
    return rendered


def label(case: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in case.items()) or "default"


def goldens() -> dict[str, Any]:
    return {name: {label(case): render(name, case) for case in cases} for name, cases in CASES.items()}


if __name__ == "__main__":
    GOLDENS.write_text(json.dumps(goldens(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
