"""One more token a row through a small language model, in few calls.

A step of a small model on a processor spends half of its time between the library's modules, not in arithmetic. For
language models built as Llama and Qwen2 are this module makes the same step from their weights directly. Whatever is
different about a model (other layers, adapters, quantised weights, hooks, another device or type) leaves it to the
library.

Letters: B rows, D width, H heads of queries, G heads of keys, W width of a head, V rows of the output head.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmolmo.inference.cache import has_windows
from openmolmo.model.loss import OutputHead
from openmolmo.model.matmul import OneDnnLinear
from openmolmo.model.molmo import Molmo

__all__ = ["QuickStep"]

_KINDS = ("llama", "qwen2")
_SPARE = 256  # positions by which tables grow
_LINEAR = (nn.Linear, OneDnnLinear, OutputHead)


class QuickStep:
    """A step of decoding: ``QuickStep.of(model)``, None where the library has to do it."""

    def __init__(self, model: Molmo) -> None:
        decoder = model.decoder
        self._embedding, self._layers = model.embedding, list(decoder.layers)
        self._norm, self._head = decoder.norm, model.lm_head
        self._width = self._layers[0].self_attn.head_dim
        self._rotary = decoder.rotary_emb
        self._cosines = self._sines = torch.empty(0, self._width)

    @classmethod
    def of(cls, model: Molmo) -> QuickStep | None:
        """Only for a model that has nothing which is not known here."""
        return cls(model) if _is_plain(model) else None

    def __call__(self, ids: Tensor, positions: Tensor, mask: Tensor | None, cache: Any) -> Tensor:
        """(B, 1) ids and positions, the additive mask (B, 1, 1, K), the cache, which grows -> (B, V) logits."""
        x = self._embedding(ids[:, 0])
        turn = self._turn(positions, 1 + cache.get_seq_length())
        for number, layer in enumerate(self._layers):
            x = self._attended(x, layer, number, turn, mask, cache)
            normed, mlp = _normed(x, layer.post_attention_layernorm), layer.mlp
            inner = F.silu(F.linear(normed, mlp.gate_proj.weight), inplace=True).mul_(
                F.linear(normed, mlp.up_proj.weight)
            )
            x = torch.addmm(x, inner, mlp.down_proj.weight.T)
        return F.linear(_normed(x, self._norm), self._head.weight)

    def _turn(self, positions: Tensor, reach: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines (B, 1, 1, W) of positions below ``reach``, from tables that grow with it."""
        if self._cosines.shape[0] < reach:
            cosines, sines = self._rotary(self._cosines, torch.arange(reach + _SPARE)[None])
            half = self._width // 2
            # With the sign that a half takes when it is put in the other's place.
            self._cosines, self._sines = cosines[0], torch.cat((-sines[0, :, :half], sines[0, :, half:]), dim=-1)
        return self._cosines[positions][:, None], self._sines[positions][:, None]

    def _attended(
        self, x: Tensor, layer: Any, number: int, turn: tuple[Tensor, Tensor], mask: Tensor | None, cache: Any
    ) -> Tensor:
        attention, rows = layer.self_attn, x.shape[0]
        normed = _normed(x, layer.input_layernorm)

        def project(made: nn.Linear) -> Tensor:  # one token: heads stand where they belong without being moved
            return F.linear(normed, made.weight, made.bias).view(rows, -1, 1, self._width)

        queries, keys = _turned(project(attention.q_proj), turn), _turned(project(attention.k_proj), turn)
        keys, values = cache.update(keys, project(attention.v_proj), number)
        # Heads that share keys stand as so many queries of one head: a third quicker than leaving that to torch.
        queries = queries.reshape(rows, keys.shape[1], -1, self._width)
        seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=attention.scaling)
        return torch.addmm(x, seen.reshape(rows, -1), attention.o_proj.weight.T)


def _normed(x: Tensor, norm: Any) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], norm.weight, norm.variance_epsilon)


def _turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions of (B, H, 1, W)."""
    return torch.addcmul(x * turn[0], x.roll(x.shape[-1] // 2, -1), turn[1])


def _is_plain(model: Molmo) -> bool:
    text = model.config.text_config
    rope = (getattr(text, "rope_parameters", None) or {}).get("rope_type", "default")
    if text.model_type not in _KINDS or rope != "default" or text.hidden_act != "silu" or has_windows(text):
        return False
    modules = [*model.decoder.modules(), model.embedding, model.lm_head]
    if any(m._forward_hooks or m._forward_pre_hooks or hasattr(m, "_hf_hook") for m in modules) or model.training:
        return False
    if any(type(layer) not in _LINEAR for layer in _projections(model)):
        return False
    weights = [p for module in (model.decoder, model.lm_head) for p in module.parameters()]
    simple = all(type(p) is nn.Parameter and p.dtype == torch.float32 and p.device.type == "cpu" for p in weights)
    return simple and all(layer.bias is None for layer in _without_bias(model))


def _projections(model: Molmo) -> Iterator[Any]:
    for layer in model.decoder.layers:
        yield from (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj)
    yield from _without_bias(model)


def _without_bias(model: Molmo) -> Iterator[Any]:
    for layer in model.decoder.layers:
        yield from (layer.self_attn.o_proj, layer.mlp.gate_proj, layer.mlp.up_proj, layer.mlp.down_proj)
    yield model.lm_head
