"""The losses that points add to a step, and the readers that two of them need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.qwen2.modeling_qwen2 import apply_rotary_pos_emb

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive_seed
from openmolmo.imaging import CropConfig
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.tokenizer import TextTokenizer
from openmolmo.training.grounding.targets import PLACES, Looks, Places, Points, places_of, points_of
from openmolmo.training.grounding_config import GroundingConfig

__all__ = ["Grounding", "require_layer"]

_DIGITS = 4
"""Tens and ones of x and y."""


class Grounding:
    """Watches a model's forward passes; :meth:`loss` then says what the points of that batch ask for.

    Raises ConfigError for a language model or settings that it is not made for.
    """

    def __init__(
        self, model: Molmo, config: GroundingConfig, crop: CropConfig, tokenizer: TextTokenizer, seed: int
    ) -> None:
        require_layer(model, config.layer, config.heads)
        _require_crops(crop)
        self.config, self._tokenizer = config, tokenizer
        self._views = 1 if crop.mode == "single" else 2
        width = model.config.text_config.hidden_size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "grounding") % 2**63)
            self.readers = nn.ModuleDict(
                {
                    "places": nn.Linear(width, 2 * PLACES),
                    "shown": nn.Linear(width, 10 * _DIGITS),
                    "written": nn.Linear(width, 10 * _DIGITS),
                    "named": nn.Linear(width, 10 * _DIGITS),
                }
            )
        self.readers.to(model.device)
        self.optimizer = torch.optim.Adam(self.readers.parameters(), lr=config.lr)
        layers = model.decoder.layers
        self._into = {config.layer, config.layer + 1, len(layers) - 1}
        self._hidden: dict[int, Tensor] = {}
        self._turned: dict[int, Any] = {}
        self._attention = {place: layers[place].self_attn for place in (config.layer, config.layer + 1)}
        for place in self._into:
            layers[place].register_forward_pre_hook(partial(self._note_hidden, place), with_kwargs=True)
        for place, attention in self._attention.items():
            attention.register_forward_pre_hook(partial(self._note_attention, place), with_kwargs=True)

    def loss(self, tensors: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """The weighted sum for the batch that the model has just seen (``tensors``, on the processor), and figures:
        ``looked`` and ``found``, mean shares of the heads' attention on what is pointed at, from where it is written
        and from its name, ``recalled`` of that on the name in the layer behind; ``placed``, shares of places that are
        read rightly; ``shown``, ``named``, ``written``, of digits, off image tokens, names and where they are written.
        """
        try:
            return self._losses(tensors)
        finally:  # the pass is not kept alive, and a copy of the model does not meet its tensors
            self._hidden.clear()
            self._turned.clear()

    def _losses(self, tensors: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        config, before = self.config, self._hidden[self.config.layer]
        device = before.device
        total, figures = before.new_zeros((), dtype=torch.float32), dict[str, float]()
        places = places_of(tensors, self._tokenizer) if config.places else None
        if places is not None:
            lost, figures["placed"] = self._place(_sent(places, device))
            total = total + config.places * lost
        points = points_of(tensors, self._tokenizer, self._views) if config.attention or config.digits else None
        if points is None:
            return total, figures
        points = _sent(points, device)
        if config.attention:
            for name, looks, layer in (
                ("looked", points.written, config.layer),
                ("found", points.asked, config.layer),
                ("recalled", _recalling(points), config.layer + 1),
            ):
                if looks is not None:
                    lost, figures[name] = self._look(looks, layer)
                    total = total + config.attention * lost
        if config.digits:
            lost, right = self._digits(points)
            total, figures = total + config.digits * lost, {**figures, **right}
        return total, figures

    def update(self) -> None:
        """Let the readers learn from the gradients that there are."""
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Readers and their optimiser."""
        return {"readers": self.readers.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self.readers.load_state_dict(state["readers"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _note_hidden(self, place: int, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._hidden[place] = args[0] if args else kwargs["hidden_states"]

    def _note_attention(self, place: int, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._turned[place] = (args[0] if args else kwargs["hidden_states"], kwargs["position_embeddings"])

    def _look(self, points: Looks, layer: int) -> tuple[Tensor, float]:
        """Nats by which the heads look elsewhere, and the share of their attention on what is shown."""
        attention, (hidden, (cos, sin)) = self._attention[layer], self._turned[layer]
        shape = (*hidden.shape[:2], -1, attention.head_dim)
        queries = attention.q_proj(hidden).view(shape).transpose(1, 2)
        keys = attention.k_proj(hidden).view(shape).transpose(1, 2)
        queries, keys = apply_rotary_pos_emb(queries, keys, cos, sin)
        shared = queries.shape[1] // keys.shape[1]
        lost = []
        # Row by row: a row's keys for each of its queries would be large.
        for row in sorted(set(points.rows.tolist())):
            mine = points.rows == row
            chosen = torch.stack([queries[row, head, points.positions[mine]] for head in self.config.heads])
            looked_at = torch.stack([keys[row, head // shared] for head in self.config.heads])
            logits = (chosen @ looked_at.transpose(1, 2)).float() * attention.scaling
            logits = logits.masked_fill(~points.visible[mine], -torch.inf)
            shown = logits.masked_fill(~points.shown[mine], -torch.inf)
            lost.append(logits.logsumexp(-1) - shown.logsumexp(-1))
        nats = torch.cat(lost, dim=1)
        return nats.mean(), float((-nats.detach()).exp().mean())

    def _place(self, places: Places) -> tuple[Tensor, float]:
        seen = _scaled(self._hidden[self.config.layer][places.rows, places.positions])
        across, down = self.readers["places"](seen).split(PLACES, dim=-1)
        lost = F.cross_entropy(across, places.across) + F.cross_entropy(down, places.down)
        right = (across.argmax(-1) == places.across).float() + (down.argmax(-1) == places.down).float()
        return lost, float(right.mean() / 2)

    def _digits(self, points: Points) -> tuple[Tensor, dict[str, float]]:
        """Nats of a digit, summed over where it is read, and the shares that are read rightly there."""
        first = torch.ones_like(points.point, dtype=torch.bool)
        first[1:] = points.point[1:] != points.point[:-1]
        looks, digits = points.written, points.digits[first]
        which, positions = looks.shown[first].nonzero(as_tuple=True)
        into, behind = self._hidden[self.config.layer], self._hidden[self.config.layer + 1]
        read = {
            "shown": (into[looks.rows[first][which], positions], digits[which]),
            "written": (self._hidden[max(self._into)][looks.rows, looks.positions], points.digits),
        }
        if points.asked is not None and bool((alone := points.only >= 0).any()):
            read["named"] = (
                behind[points.asked.rows[alone], points.asked.positions[alone]],
                digits[points.only[alone]],
            )
        total, figures = into.new_zeros((), dtype=torch.float32), dict[str, float]()
        for name, (hidden, true) in read.items():
            logits = self.readers[name](_scaled(hidden)).view(-1, _DIGITS, 10)
            total = total + F.cross_entropy(logits.flatten(0, 1), true.flatten())
            figures[name] = float((logits.argmax(-1) == true).float().mean())
        return total, figures


def _recalling(points: Points) -> Looks | None:
    """From where coordinates are written to the name that was asked for."""
    named = points.name >= 0
    if not bool(named.any()):
        return None
    looks, names = points.written, points.name[named]
    shown = torch.zeros_like(looks.shown[named])
    shown[torch.arange(len(names), device=names.device), names] = True
    return Looks(looks.rows[named], looks.positions[named], shown, looks.visible[named])


def require_layer(model: Molmo, layer: int, heads: Sequence[int]) -> None:
    """Raise ConfigError for a language model that is not of the kind, or lacks the layer, one behind it, or a head."""
    text = model.config.text_config
    if text.model_type != "qwen2":
        raise ConfigError(
            f"grounding supervises attention of language models of the kind qwen2, and this is {text.model_type}",
            fix="set grounding=none",
        )
    if layer + 1 >= text.num_hidden_layers or max(heads) >= text.num_attention_heads:
        raise ConfigError(
            f"layer={layer} and heads={','.join(map(str, heads))}: the language model has {text.num_hidden_layers} "
            f"layers of {text.num_attention_heads} heads, both counted from 0, and one layer must follow",
            fix=f"set layer to at most {text.num_hidden_layers - 2}, heads to numbers below {text.num_attention_heads}",
        )


def _require_crops(crop: CropConfig) -> None:
    if crop.keep is not None or (crop.shift_patch_mask and crop.resize == "clip" and crop.mode != "single"):
        raise ConfigError(
            f"grounding reads where image tokens are from whole grids and their true padding; crop.keep={crop.keep}, "
            f"crop.shift_patch_mask={str(crop.shift_patch_mask).lower()}",
            fix="set crop.keep=none and crop.shift_patch_mask=false, or grounding=none",
        )


def _scaled(hidden: Tensor) -> Tensor:
    """To a mean square of 1: readers should not ask for loud tokens."""
    hidden = hidden.float()
    return hidden * hidden.pow(2).mean(dim=-1, keepdim=True).clamp(min=1e-12).rsqrt()


def _sent(found: Any, device: torch.device) -> Any:
    """A tensor, or what holds some, on a device."""
    if found is None or isinstance(found, Tensor):
        return found if found is None else found.to(device)
    return type(found)(*(_sent(getattr(found, name), device) for name in found.__slots__))
