"""``--model``: the name of a model of ours, ``openai:NAME`` or ``file:PATH``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openmolmo.core.errors import ConfigError
from openmolmo.evaluation.benchmarks.base import RequestSettings
from openmolmo.evaluation.suite.models.base import SuiteModel

__all__ = ["ModelChoice", "find_model"]


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """What answers, and how: ``base_url``, ``prompted`` and ``at_once`` are for servers, the others for our models."""

    model: str = "nano"
    base_url: str | None = None
    prompted: str | None = None
    at_once: int = 8
    batch_size: int = 16
    device: str | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        server = self.model.startswith("openai:")
        if not server and (self.base_url or self.prompted):
            name = "--base-url" if self.base_url else "--prompt"
            raise ConfigError(f"{name} is for servers, and --model {self.model} is none", fix="leave it out")


def find_model(choice: ModelChoice, settings: Sequence[RequestSettings]) -> SuiteModel:
    """The model, ready to answer under any of ``settings``."""
    kind, _, name = choice.model.partition(":")
    if kind == "openai":
        from openmolmo.evaluation.suite.models.server import ServerModel

        prompted = choice.prompted or "instructions"
        assert prompted in ("instructions", "tags")
        return ServerModel(name, base_url=choice.base_url, prompted=prompted, at_once=choice.at_once)  # type: ignore[arg-type]
    if kind == "file":
        from openmolmo.evaluation.suite.models.replies import RepliesModel

        return RepliesModel(Path(name))
    from openmolmo.evaluation.suite.models.ours import OurModel

    return OurModel.load(
        choice.model,
        device=choice.device,
        dtype=choice.dtype,
        batch_size=choice.batch_size,
        max_new_tokens=max(one.max_new_tokens for one in settings),
        max_crops=max(one.max_crops for one in settings),
    )
