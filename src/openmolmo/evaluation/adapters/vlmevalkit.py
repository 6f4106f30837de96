"""Our models in VLMEvalKit, which has no entry points: they are registered while it runs.

    from openmolmo.evaluation.adapters.vlmevalkit import register
    register("openmolmo-nano", "nano")
    runpy.run_path("run.py", run_name="__main__")  # with --model openmolmo-nano --data ChartQA_TEST

Data sets that are benchmarks of ours are asked with their tags, crops and tokens (``DATA_SETS``); of others choices
have the tag of choices and everything else none.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from vlmeval.vlm.base import BaseModel

from openmolmo.core.errors import ConfigError
from openmolmo.evaluation.adapters.wording import put
from openmolmo.inference.load import load
from openmolmo.words.requests import Request

__all__ = ["DATA_SETS", "OpenMolmo", "register"]

DATA_SETS = {
    "AI2D_TEST": "ai2d_opaque",
    "AI2D_TEST_NO_MASK": "ai2d",
    "A-OKVQA": "a_okvqa",
    "ChartQA_TEST": "chart_qa",
    "ChartQA_VAL": "chart_qa",
    "CountBenchQA": "count_bench_qa",
    "DocVQA_TEST": "doc_vqa",
    "DocVQA_VAL": "doc_vqa",
    "InfoVQA_TEST": "info_vqa",
    "InfoVQA_VAL": "info_vqa",
    "MMMU_DEV_VAL": "mmmu",
    "MMMU_TEST": "mmmu",
    "MathVista_MINI": "math_vista",
    "RealWorldQA": "real_world_qa",
    "ScienceQA_TEST": "science_qa",
    "ScienceQA_VAL": "science_qa",
    "TextVQA_VAL": "text_vqa",
}
"""Our benchmarks by the names of data sets."""

_MAX_NEW_TOKENS = 200  # of data sets that are none of ours, as in the harness's own adapter of Molmo


def register(name: str, model: str = "nano", **settings: Any) -> None:
    """Make ``name`` a model of the harness; ``settings`` as of :class:`OpenMolmo`."""
    from vlmeval.config import supported_VLM

    if name in supported_VLM:
        raise ConfigError(f"the harness has a model {name!r} already", fix="take another name")
    supported_VLM[name] = partial(OpenMolmo, model, **settings)


class OpenMolmo(BaseModel):  # type: ignore[misc]
    """``model``: any that ``openmolmo.load`` takes. ``max_crops`` and ``max_new_tokens`` take the place of the data
    set's; ``style``: a tag for data sets that are none of ours.
    """

    INSTALL_REQ = False
    INTERLEAVE = True

    def __init__(
        self,
        model: str = "nano",
        *,
        device: str | None = None,
        dtype: str | None = None,
        max_crops: int | None = None,
        max_new_tokens: int | None = None,
        style: str | None = None,
    ) -> None:
        super().__init__()
        self.predictor = load(model, device=device, dtype=dtype)
        self._max_crops, self._max_new_tokens, self._style = max_crops, max_new_tokens, style

    def use_custom_prompt(self, dataset: str | None) -> bool:
        """Whether questions are worded here: those of our benchmarks."""
        return dataset in DATA_SETS

    def build_prompt(self, line: Mapping[str, Any], dataset: str | None = None) -> list[dict[str, str]]:
        """The pictures of a row, its question, and its options on lines of their own."""
        known = {name: line[name] for name in ("hint", "question", *string.ascii_uppercase) if name in line}
        present = {name: str(value) for name, value in known.items() if value is not None and value == value}
        options = [f"{name}: {' '.join(present[name].split())}" for name in string.ascii_uppercase if name in present]
        words = [present[name] for name in ("hint", "question") if name in present]
        pictures = self.dump_image(line, dataset)
        paths = [pictures] if isinstance(pictures, str) else list(pictures)
        return [
            *({"type": "image", "value": path} for path in paths),
            {"type": "text", "value": "\n".join([*words, *options])},
        ]

    def generate_inner(self, message: Sequence[Mapping[str, str]], dataset: str | None = None) -> str:
        """The reply to one question."""
        text = "\n".join(part["value"] for part in message if part["type"] == "text")
        images = [part["value"] for part in message if part["type"] == "image"]
        wording = put(text, dataset or "", DATA_SETS)
        request = Request(
            text=wording.text,
            images=tuple(images[:1] if wording.only_first else images),
            style=wording.style or self._style,
            max_crops=self._max_crops or wording.max_crops,
            max_new_tokens=self._max_new_tokens or wording.max_new_tokens or _MAX_NEW_TOKENS,
        )
        (answer,) = self.predictor.answer_batch([request])
        return wording.reply(answer)
