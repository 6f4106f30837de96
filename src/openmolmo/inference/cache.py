"""Where keys and values of tokens already read are kept, so that a step reads one token only.

Letters: B rows, H heads, K tokens kept, W width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from transformers import DynamicCache, StaticCache
from transformers.cache_utils import DynamicLayer

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError

__all__ = ["CacheConfig", "check_cache", "crop_cache", "has_windows", "make_cache"]

_SPARE = 64  # tokens of room that a cache grows by, at least


@dataclass(frozen=True, kw_only=True)
class CacheConfig(Config):
    """How generated tokens are cached.

    ``dynamic`` grows with the reply, and rows that are done make room. ``static`` has its full size
    from the start, so that every step has the same shapes: what ``compile`` needs, which names a mode
    of ``torch.compile`` (``default``, ``reduce-overhead``, ``max-autotune``; it needs a C++ compiler,
    and the first steps are slow). Both give the same tokens.
    """

    kind: Literal["dynamic", "static"] = "dynamic"
    compile: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("dynamic", "static"):
            raise ConfigError(f"kind={self.kind!r} must be dynamic or static")
        if self.compile is not None and self.kind != "static":
            raise ConfigError(
                f"compile={self.compile!r} needs the static cache, kind is {self.kind!r}", fix='set kind="static"'
            )


class _GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """The library's growing layer without its copy of everything at every step: a buffer with room to spare.

    ``keys`` and ``values`` (B, H, K, W) are views of the buffers' filled part.
    """

    def __init__(self) -> None:
        super().__init__()
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if self._buffers is None or self._buffers[0].shape[-2] < end:
            self._buffers = (self._grown(self.keys, key_states, end), self._grown(self.values, value_states, end))
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, start:end] = new
        self._show(end)
        return self.keys, self.values

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last tokens; the number is given negative, as the library has it."""
        if self._buffers is not None:
            self._show(self.get_seq_length() - abs(tokens_to_remove))

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)
        self._buffers = None

    def _show(self, length: int) -> None:
        assert self._buffers is not None
        self.keys, self.values = (buffer[:, :, :length] for buffer in self._buffers)

    @staticmethod
    def _grown(old: Tensor, new: Tensor, length: int) -> Tensor:
        rows, heads, _, width = new.shape
        buffer = new.new_empty(rows, heads, length + max(_SPARE, length // 4), width)
        if old.numel():
            buffer[:, :, : old.shape[-2]] = old
        return buffer


def make_cache(text_config: Any, config: CacheConfig, length: int) -> Any:
    """An empty cache for a language model; ``length``: tokens of prompt and reply, the size of a static one."""
    check_cache(config, text_config)
    if config.kind == "static":
        return StaticCache(config=text_config, max_cache_len=length)
    cache = DynamicCache(config=text_config)
    cache.layers = [_GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def check_cache(config: CacheConfig, text_config: Any) -> None:
    """ConfigError where a static cache is asked of a language model with sliding windows."""
    if config.kind == "static" and has_windows(text_config):
        raise ConfigError(
            f"a static cache cannot hold the sliding windows of a {text_config.model_type} model",
            fix="use the dynamic cache",
        )


def has_windows(text_config: Any) -> bool:
    """Whether some layers see a limited number of tokens back."""
    return any(kind != "full_attention" for kind in getattr(text_config, "layer_types", None) or ())


def crop_cache(cache: Any, length: int) -> bool:
    """Forget all but the first ``length`` tokens; False when a sliding-window layer no longer has what that needs."""
    surplus = int(cache.get_seq_length()) - length
    if surplus == 0:
        return True
    if not all(isinstance(layer, _GrowingLayer) for layer in cache.layers):
        return False
    for layer in cache.layers:
        layer.crop(-surplus)
    return True
