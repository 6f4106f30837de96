"""Names learn to look for what they name, before any question is asked.

A question of a few hundred in a step names one thing of hundreds, and two hundred thousand of them did not teach the
bundled model to look for what was named. Here every image token of a window is compared with hundreds of names at
once, as attention compares them: the query of a name's last token, alone in a question, against the keys of the image
tokens. Each name is to look at the tokens that show it, and each token to be looked for by its own name.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.qwen2.modeling_qwen2 import apply_rotary_pos_emb

from openmolmo.core.config import to_dict
from openmolmo.core.files import write_json
from openmolmo.core.rng import derive
from openmolmo.engine.synth.patch_labels import FACTS, NAMES
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.sequence import image_token_ids
from openmolmo.prompting.tokenizer import TextTokenizer
from openmolmo.training import checkpoint
from openmolmo.training.build import build_model, build_processor, find_source, pick_device, pick_precision
from openmolmo.training.card import facts_of
from openmolmo.training.config import NameRunConfig
from openmolmo.training.grounding.teacher import require_layer
from openmolmo.training.metrics import cut_log
from openmolmo.training.optim import Optimizer
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.parallel.world import open_world
from openmolmo.training.patch_labels.batches import make_loader
from openmolmo.training.patch_labels.head import make_reader
from openmolmo.training.resume import check_same_run
from openmolmo.training.steps import learn, run_training

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
class NameTrainer:
    """A run in progress: ``step`` steps are done."""

    config: NameRunConfig
    out: Path
    processor: Processor
    model: Molmo
    seeing: Any
    optimizer: Optimizer
    device: torch.device
    precision: torch.dtype
    batches: Iterator[dict[str, Tensor]]
    step: int = 0

    @classmethod
    def start(cls, config: NameRunConfig, out: Path, folder: Path | None) -> NameTrainer:
        """Build a run; go on from checkpoint ``folder`` where given."""
        state: dict[str, Any] | None = None
        if folder is not None:
            state, tensors = checkpoint.load_state(folder)
            check_same_run(state, config, {})
        find_source(config)  # where there is none, no worker is started in vain
        step = 0 if state is None else int(state["step"])
        batches = iter(make_loader(config.drawn(), step + 1))  # its workers start here, before a model is built
        device = pick_device(config)
        processor = build_processor(config)
        model = build_model(config, processor, folder).to(device)
        require_layer(model, config.layer, config.heads)
        seeing = make_reader(config.drawn(), model).to(device)
        model.requires_grad_(False)
        attention = model.decoder.layers[config.layer].self_attn
        matrices = [attention.q_proj.weight, attention.k_proj.weight]
        trained = [*attention.q_proj.parameters(), *attention.k_proj.parameters(), model.embedding.base.weight]
        for parameter in trained:
            parameter.requires_grad_(True)
        write_json(out / "config.json", to_dict(config))
        optimizer = Optimizer({"llm": trained}, config.optimizer, config.steps, matrices, undecayed=[trained[-1]])
        if state is not None:
            optimizer.load_state_dict(tensors["optimizer"])
        cut_log(out / "metrics.jsonl", step)
        return cls(
            config, out, processor, model, seeing, optimizer, device, pick_precision(config, device), batches, step
        )

    def take_step(self) -> dict[str, Any]:
        """One optimiser step; returns what the log says about it."""
        began = time.perf_counter()
        batch = {key: value.to(self.device) for key, value in next(self.batches).items()}
        waited = time.perf_counter() - began
        labels, texts = self._names(batch["facts"])
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
            logits = self._logits(batch["pixels"], texts)
        losses, figures = zip(*(name_loss(one.float(), labels) for one in logits), strict=True)
        loss = torch.stack(losses).mean()
        value, norms, rates = learn(loss, self.optimizer, self.step + 1, self.out)
        self.step += 1
        seconds = time.perf_counter() - began
        return {
            "step": self.step,
            "loss": value,
            **{name: round(sum(one[name] for one in figures) / len(figures), 4) for name in figures[0]},
            "lr": rates,
            "norm": norms,
            "examples": self.step * self.config.windows,
            "examples_per_s": round(self.config.windows / seconds, 2),
            "seconds": round(seconds, 4),
            "wait": round(waited, 4),
        }

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
            tokens = self.seeing.see(pixels)
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

    def save(self, *, wait: bool = False) -> None:
        """Write a checkpoint of this moment and delete old ones."""
        state = {"config": to_dict(self.config), "fingerprints": {}}
        checkpoint.save_step(self.out, self.step, self.model, self.processor, self.optimizer, state)
        checkpoint.prune(self.out, self.config.keep)

    def finish(self) -> Path:
        """Write the final model; returns its folder."""
        return checkpoint.save_final(self.out, self.model, self.processor, facts_of(self.config, self.step, {}, None))

    def close(self) -> None:
        """End the processes that draw."""
        self.batches = iter(())


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
