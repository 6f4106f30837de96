"""More tokens of a row, or one more of many, through a small language model, in few calls.

A step of a small model on a processor spends half of its time between the library's modules, not in arithmetic, and
so does the reading of a short prompt. For language models built as Llama and Qwen2 are this module makes the same pass
from their weights directly. Whatever is different about a model (other layers, adapters, quantised weights, hooks,
another device or type) leaves it to the library.

Letters: B rows, T tokens of each, K tokens that they see, D width, H heads of queries, G heads of keys, W width of a
head, V rows of the output head.
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
        return self._passed(self._embedding(ids), positions, 1 + cache.get_seq_length(), mask, cache)

    def read(self, embeds: Tensor, positions: Tensor, mask: Tensor | None, cache: Any) -> Tensor:
        """(1, T, D) embeddings at (1, T) positions, the mask (1, 1, T, K) -> (1, V) logits of what follows the last."""
        return self._passed(embeds, positions, int(positions[0, -1]) + 1, mask, cache)

    def _passed(self, embeds: Tensor, positions: Tensor, reach: int, mask: Tensor | None, cache: Any) -> Tensor:
        x, turn = embeds.reshape(-1, embeds.shape[-1]), self._turn(positions, reach)
        last = len(self._layers) - 1
        for number, layer in enumerate(self._layers):
            # Of the last layer only what it makes of the last token is wanted, beside all keys and values.
            x = self._attended(x, layer, number, turn, mask, cache, only_last=number == last)
            normed, mlp = _normed(x, layer.post_attention_layernorm), layer.mlp
            inner = F.silu(F.linear(normed, mlp.gate_proj.weight), inplace=True).mul_(
                F.linear(normed, mlp.up_proj.weight)
            )
            x = torch.addmm(x, inner, mlp.down_proj.weight.T)
        return F.linear(_normed(x, self._norm), self._head.weight)

    def _turn(self, positions: Tensor, reach: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines (B, 1, T, W) of positions below ``reach``, from tables that grow with it."""
        if self._cosines.shape[0] < reach:
            cosines, sines = self._rotary(self._cosines, torch.arange(reach + _SPARE)[None])
            half = self._width // 2
            # With the sign that a half takes when it is put in the other's place.
            self._cosines, self._sines = cosines[0], torch.cat((-sines[0, :, :half], sines[0, :, half:]), dim=-1)
        return self._cosines[positions][:, None], self._sines[positions][:, None]

    def _attended(
        self,
        x: Tensor,
        layer: Any,
        number: int,
        turn: tuple[Tensor, Tensor],
        mask: Tensor | None,
        cache: Any,
        *,
        only_last: bool,
    ) -> Tensor:
        """(B * T, D) -> as many after attention, or of each row the last."""
        attention, (rows, _, tokens, _) = layer.self_attn, turn[0].shape
        normed = _normed(x, layer.input_layernorm)

        def project(made: nn.Linear, normed: Tensor) -> Tensor:
            """(B, heads, T, W); one token's heads stand where they belong without being moved."""
            made_of = F.linear(normed, made.weight, made.bias)
            return made_of.view(rows, -1, len(made.weight) // self._width, self._width).transpose(1, 2)

        keys = _turned(project(attention.k_proj, normed), turn)
        keys, values = cache.update(keys, project(attention.v_proj, normed), number)
        if only_last and tokens > 1:
            x, normed = (y.view(rows, tokens, -1)[:, -1] for y in (x, normed))
            turn, mask, tokens = (turn[0][:, :, -1:], turn[1][:, :, -1:]), None if mask is None else mask[:, :, -1:], 1
        queries = _turned(project(attention.q_proj, normed), turn)
        # Heads that share keys stand as so many queries of one head: a third quicker than leaving that to torch.
        queries = queries.reshape(rows, keys.shape[1], -1, self._width)
        if mask is not None and tokens > 1:
            mask = mask.repeat(1, 1, queries.shape[2] // tokens, 1)
        seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=attention.scaling)
        seen = seen.view(rows, -1, tokens, self._width).transpose(1, 2)
        return torch.addmm(x, seen.reshape(rows * tokens, -1), attention.o_proj.weight.T)


def _normed(x: Tensor, norm: Any) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], norm.weight, norm.variance_epsilon)


def _turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions of (B, H, T, W)."""
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
