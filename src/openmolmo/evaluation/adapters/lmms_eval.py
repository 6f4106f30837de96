"""Our models in lmms-eval (0.7.3): ``lmms-eval --model openmolmo --model_args pretrained=nano --tasks chartqa``.

The harness finds :func:`manifest` by the entry point group ``lmms_eval.models``. Tasks that are benchmarks of ours are
asked with their tags, crops and tokens (``TASKS``); of others choices have the tag of choices and everything else none.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest

from openmolmo.core.errors import ConfigError, OpenMolmoError
from openmolmo.evaluation.adapters.wording import Put, put
from openmolmo.inference.load import load
from openmolmo.words.requests import Request

__all__ = ["TASKS", "OpenMolmo", "manifest"]

TASKS = {
    "ai2d": "ai2d_opaque",
    "ai2d_lite": "ai2d_opaque",
    "ai2d_no_mask": "ai2d",
    "chartqa": "chart_qa",
    "chartqa_lite": "chart_qa",
    "countbench": "count_bench_qa",
    "countbenchqa": "count_bench_qa",
    "docvqa_test": "doc_vqa",
    "docvqa_val": "doc_vqa",
    "docvqa_val_lite": "doc_vqa",
    "infovqa_test": "info_vqa",
    "infovqa_val": "info_vqa",
    "infovqa_val_lite": "info_vqa",
    "mathvista_testmini_format": "math_vista",
    "mmmu_val": "mmmu",
    "ok_vqa_val2014": "ok_vqa",
    "ok_vqa_val2014_lite": "ok_vqa",
    "pixmo_count": "pixmo_count",
    "realworldqa": "real_world_qa",
    "scienceqa_img": "science_qa",
    "stvqa": "st_vqa",
    "textvqa_test": "text_vqa",
    "textvqa_val": "text_vqa",
    "textvqa_val_lite": "text_vqa",
    "vqav2_test": "vqa2",
    "vqav2_val": "vqa2",
    "vqav2_val_lite": "vqa2",
}
"""Our benchmarks by the names of tasks."""

_LOG = logging.getLogger(__name__)
_BATCH_SIZE = 16
_MOST_TOKENS = 1024  # of tasks that ask for more than that a reply that does not end is cut here


def manifest() -> ModelManifest:
    """What the harness registers."""
    return ModelManifest(model_id="openmolmo", chat_class_path=f"{__name__}.OpenMolmo")


class OpenMolmo(lmms):  # type: ignore[misc]
    """``pretrained``: any model that ``openmolmo.load`` takes. ``max_crops`` and ``max_new_tokens`` take the place of
    the task's; ``style``: a tag for tasks that are none of ours.
    """

    is_simple = False

    def __init__(
        self,
        pretrained: str = "nano",
        *,
        device: str | None = None,
        dtype: str | None = None,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        max_crops: int | None = None,
        max_new_tokens: int | None = None,
        style: str | None = None,
    ) -> None:
        super().__init__()
        said = str(batch_size or "")  # may be "auto"
        size = int(said) if said.isdigit() else _BATCH_SIZE
        self.predictor = load(pretrained, device=device, dtype=dtype, batch_size=size, max_new_tokens=_MOST_TOKENS)
        self._max_crops, self._max_new_tokens, self._style = max_crops, max_new_tokens, style

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """A reply to each question; what cannot be asked has an empty one, and a line in the log."""
        replies = [""] * len(requests)
        asked: list[tuple[int, Put, Request]] = []
        for place, request in enumerate(requests):
            try:
                asked.append((place, *self._request(*request.args)))
            except OpenMolmoError as error:
                _LOG.error("question %d is not asked: %s", place, error)
        for number, outcome in self.predictor.answers([request for _, _, request in asked]):
            place, wording, _ = asked[number]
            if isinstance(outcome, OpenMolmoError):
                _LOG.error("question %d has no reply: %s", place, outcome)
            else:
                replies[place] = wording.reply(outcome)
        return replies

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Refused: tasks with pictures that score given answers are not judged."""
        raise _refused("log-likelihoods of given answers")

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[str]:
        """Refused."""
        raise _refused("several rounds")

    def _request(
        self, context: str, doc_to_messages: Any, settings: dict[str, Any], doc_id: int, task: str, split: str
    ) -> tuple[Put, Request]:
        text, images = _read(doc_to_messages(self.task_dict[task][split][doc_id]))
        wording = put(text, task, TASKS)
        shown = images[:1] if wording.only_first else images
        wanted = self._max_new_tokens or wording.max_new_tokens or settings.get("max_new_tokens") or _MOST_TOKENS
        until = settings.get("until") or ()
        return wording, Request(
            text=wording.text,
            images=tuple(shown),
            style=wording.style or self._style,
            max_crops=self._max_crops or wording.max_crops,
            max_new_tokens=min(int(wanted), _MOST_TOKENS),
            stop=(until,) if isinstance(until, str) else tuple(text for text in until if text),
        )


def _read(messages: Sequence[dict[str, Any]]) -> tuple[str, list[Any]]:
    """The words of all messages, and their pictures."""
    texts: list[str] = []
    images: list[Any] = []
    for message in messages:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "text":
                texts.append(part["text"])
            elif part["type"] == "image":
                images.append(part["url"])
            else:
                raise ConfigError(f"the task shows {part['type']}, which the model cannot read", fix="leave it out")
    return "\n".join(texts), images


def _refused(what: str) -> ConfigError:
    return ConfigError(f"the task wants {what}, which is not asked of this model here", fix="leave the task out")
