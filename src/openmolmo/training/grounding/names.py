"""Names learn to look for what they name, before any question is asked.

A question of a few hundred in a step names one thing of hundreds, and two hundred thousand of them did not teach the
bundled model to look for what was named. Here every image token of a window is compared with hundreds of names at
once, as attention compares them: the query of a name's last token, alone in a question, against the keys of the image
tokens. Each name is to look at the tokens that show it, and each token to be looked for by its own name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.qwen2.modeling_qwen2 import apply_rotary_pos_emb

from openmolmo.core.rng import derive
from openmolmo.engine.synth.patch_labels import FACTS, NAMES
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.sequence import image_token_ids
from openmolmo.prompting.tokenizer import TextTokenizer
from openmolmo.training.config import NameRunConfig
from openmolmo.training.grounding.teacher import require_layer
from openmolmo.training.optim import Optimizer
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.parallel.world import open_world
from openmolmo.training.patch_labels.head import PatchReader
from openmolmo.training.patch_labels.windows import WindowTrainer
from openmolmo.training.steps import run_training

__all__ = ["NameTrainer", "name_loss", "run_names"]

_QUESTIONS = (
    " User: Point to {}",
    " User: point to {}",
    " User: How many {}",
    " User: Where is the {}",
    " User: Show me the {}",
    " User: pointing: {}",
    " User: the {}",
)
_AWAY = 420
"""How many tokens may stand between a picture and a name: about as many as a row of these stages has."""


def run_names(config: NameRunConfig, out: Path, resume: bool = False, finish: bool = False) -> Path:
    """Teach names; :func:`~openmolmo.training.steps.run_training` says the rest. A whole model comes back."""
    with open_world(ParallelConfig(), cuda=False):  # for one process only
        return run_training(config, out, resume, NameTrainer.start, finish=finish)


def name_loss(logits: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, float]]:
    """The loss of one head, and the shares of tokens that are looked for by their name and of attention that is right.

    Args:
        logits: (names, B, P) of attention, from each name to each image token of each window.
        labels: (B, P) int64, which name each token shows; -1 for none.
    """
    told = logits.permute(1, 2, 0)[labels >= 0]
    which = F.cross_entropy(told, labels[labels >= 0])
    shown = labels.unsqueeze(0) == torch.arange(len(logits), device=labels.device).view(-1, 1, 1)
    name, window = shown.any(dim=-1).nonzero(as_tuple=True)
    looks = logits[name, window]
    right = looks.masked_fill(~shown[name, window], -torch.inf).logsumexp(-1) - looks.logsumexp(-1)
    named = (told.argmax(dim=-1) == labels[labels >= 0]).float().mean()
    return which - right.mean(), {"named": float(named), "looked": float(right.detach().exp().mean())}


@dataclass
class NameTrainer(WindowTrainer[NameRunConfig]):
    """A run in progress: hundreds of names are compared with every token at once."""

    @classmethod
    def prepare(cls, config: NameRunConfig, model: Molmo, reader: PatchReader) -> Optimizer:
        """Queries and keys of one layer learn, and the embeddings of tokens."""
        require_layer(model, config.layer, config.heads)
        model.requires_grad_(False)
        attention = model.decoder.layers[config.layer].self_attn
        matrices = [attention.q_proj.weight, attention.k_proj.weight]
        trained = [*attention.q_proj.parameters(), *attention.k_proj.parameters(), model.embedding.base.weight]
        for parameter in trained:
            parameter.requires_grad_(True)
        return Optimizer({"llm": trained}, config.optimizer, config.steps, matrices, undecayed=[trained[-1]])

    def measure(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """The mean loss of the heads, and the means of what :func:`name_loss` says of them."""
        labels, texts = self._names(batch["facts"])
        with self.autocast():
            logits = self._logits(batch["pixels"], texts)
        losses, figures = zip(*(name_loss(one.float(), labels) for one in logits), strict=True)
        means = {name: sum(one[name] for one in figures) / len(figures) for name in figures[0]}
        return torch.stack(losses).mean(), means

    def _names(self, facts: Tensor) -> tuple[Tensor, list[str]]:
        """(B, P) which of the step's names each token shows (-1: none), and the questions that ask for these names."""
        rng = derive(self.config.seed, "names", self.step + 1)
        columns = {fact: list(FACTS).index(fact) for fact in self.config.names}
        seen = {column: set(facts[..., column].flatten().tolist()) for column in columns.values()}
        every = [
            (column, place, said) for fact, column in columns.items() for place, said in enumerate(NAMES[fact], start=1)
        ]
        absent = [name for name in every if name[1] not in seen[name[0]]]
        chosen = [name for name in every if name[1] in seen[name[0]]]
        chosen += [absent[i] for i in rng.permutation(len(absent))[: self.config.others]]
        labels = torch.full(facts.shape[:2], -1, device=facts.device)
        texts = []
        for number, (column, place, said) in enumerate(chosen):
            labels[(facts[..., column] == place) & (labels < 0)] = number
            question = _QUESTIONS[int(rng.integers(len(_QUESTIONS)))]
            texts.append(question.format(said[int(rng.integers(len(said)))]))
        return labels, texts

    def _logits(self, pixels: Tensor, texts: Sequence[str]) -> Tensor:
        """(heads, names, B, P) logits of attention."""
        tokenizer, layer = self.processor.tokenizer, self.config.layer
        with torch.no_grad():
            tokens = self.reader.see(pixels)
        side = math.isqrt(tokens.shape[1])
        picture = [tokenizer.special.bos, *image_token_ids(((side, side),), tokenizer.special)]
        ids = torch.tensor(picture, device=self.device).expand(len(pixels), -1)
        at = (ids[0] == tokenizer.special.im_patch).nonzero().squeeze(1)
        embedded = self.model.embedding(ids).index_add(1, at, tokens)
        keys = _projected(self.model, layer, embedded, 0, "k_proj")[:, :, at]
        asked, last = _padded(tokenizer, texts, self.device)
        first = len(picture) + int(derive(self.config.seed, "away", self.step + 1).integers(_AWAY))
        queries = _projected(self.model, layer, self.model.embedding(asked), first, "q_proj")
        queries = queries[torch.arange(len(texts), device=self.device), :, last]
        shared = queries.shape[1] // keys.shape[1]
        scaling = self.model.decoder.layers[layer].self_attn.scaling
        each = [torch.einsum("nd,bpd->nbp", queries[:, h], keys[:, h // shared]) * scaling for h in self.config.heads]
        return torch.stack(each)


def _padded(tokenizer: TextTokenizer, texts: Sequence[str], device: torch.device) -> tuple[Tensor, Tensor]:
    """(names, T) ids, padded behind, and where each ends."""
    ids = [tokenizer.encode(text) for text in texts]
    longest = max(map(len, ids))
    rows = [row + [tokenizer.special.eos] * (longest - len(row)) for row in ids]
    return torch.tensor(rows, device=device), torch.tensor([len(row) - 1 for row in ids], device=device)


def _projected(model: Molmo, layer: int, hidden: Tensor, first: int, projection: str) -> Tensor:
    """(rows, heads, T, head width) queries or keys of a layer for rows of embeddings, whose positions begin at
    ``first``; each sees what is before it in its row."""
    decoder: Any = model.decoder
    length = hidden.shape[1]
    positions = torch.arange(first, first + length, device=hidden.device).expand(len(hidden), -1)
    turn = decoder.rotary_emb(hidden, positions)
    mask = torch.full((length, length), torch.finfo(hidden.dtype).min, device=hidden.device).triu(1)[None, None]
    for before in decoder.layers[:layer]:
        hidden = before(hidden, attention_mask=mask, position_ids=positions, position_embeddings=turn)
    block = decoder.layers[layer]
    made: nn.Linear = getattr(block.self_attn, projection)
    values = made(block.input_layernorm(hidden)).view(len(hidden), length, -1, block.self_attn.head_dim).transpose(1, 2)
    turned: Tensor = apply_rotary_pos_emb(values, values, *turn)[0]
    return turned
