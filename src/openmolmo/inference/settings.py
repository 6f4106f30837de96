"""What the commands are told about a model and its decoding, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which model answers, and how it decodes."""

    model: str
    tokenizer: str | None
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int
    batch_size: int
    device: str | None
    dtype: str | None
    resize: Literal["exact", "fast"] | None
    compile: bool
    quantize: Literal["int8", "int4"] | None = None
    crop_policy: str | None = None
    keep_crops: int | None = None
    alone: bool = False
    """Whether this process is for nothing else than these answers."""

    def load(self) -> Any:
        """The predictor; errors of settings come before those of the model."""
        if self.alone and not self.compile:
            from openmolmo.inference.lean import import_lean

            import_lean()
        from openmolmo.inference.cache import CacheConfig
        from openmolmo.inference.load import load
        from openmolmo.inference.sampling import Sampling

        sampling = Sampling(temperature=self.temperature, top_p=self.top_p, seed=self.seed)
        return load(
            self.model,
            tokenizer=self.tokenizer,
            device=self.device,
            dtype=self.dtype,
            resize_mode=self.resize,
            quantize=self.quantize,
            crop_policy=self.crop_policy,
            keep_crops=self.keep_crops,
            batch_size=self.batch_size,
            max_new_tokens=self.max_new_tokens,
            sampling=sampling,
            cache=CacheConfig(kind="static", compile="default") if self.compile else None,
        )

    def of_answers(self) -> dict[str, Any]:
        """What makes answers different from those of other settings."""
        values = {name: getattr(self, name) for name in ("max_new_tokens", "temperature", "top_p", "seed", "dtype")}
        names = ("resize", "quantize", "crop_policy", "keep_crops")
        chosen = {name: getattr(self, name) for name in names}  # named where they are not as always
        return values | {name: value for name, value in chosen.items() if value is not None}
