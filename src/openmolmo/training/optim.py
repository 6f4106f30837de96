"""AdamW (or Muon and AdamW) over the parts of a model, each with its own learning rate, warm-up and clipping."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from openmolmo.core.errors import ConfigError
from openmolmo.model.components import parameter_groups
from openmolmo.model.embedding import ExtendedEmbedding
from openmolmo.training.config import PARTS, OptimizerConfig
from openmolmo.training.muon import Muon
from openmolmo.training.schedule import rate_factor

__all__ = ["Optimizer", "matrices_of", "require_trained", "trained_parameters", "undecayed_of"]


def trained_parameters(model: nn.Module, config: OptimizerConfig) -> dict[str, list[nn.Parameter]]:
    """Trained parameters of each part; a part with learning rate 0 is frozen here and left out."""
    parameters = dict(model.named_parameters())
    trained: dict[str, list[nn.Parameter]] = {}
    for part, names in parameter_groups(model).items():
        members = [parameters[name] for name in names]
        if config.part(part).lr == 0:
            for parameter in members:
                parameter.requires_grad_(False)
        kept = [parameter for parameter in members if parameter.requires_grad]
        if kept:
            trained[part] = kept
    require_trained(trained)
    return trained


def require_trained(trained: Collection[str]) -> None:
    """Raise ConfigError where no part of a model is left to be trained."""
    if not trained:
        raise ConfigError(
            "nothing would be trained: each part is frozen, or has the learning rate 0",
            fix="take something out of freeze, or give optimizer.llm.lr (connector, encoder) a value",
        )


def matrices_of(model: nn.Module) -> list[nn.Parameter]:
    """The weights that Muon is made for: those of linear layers, but not of the one that gives the logits or labels."""
    heads = ("lm_head", "head")
    linear = [module for name, module in model.named_modules() if isinstance(module, nn.Linear) and name not in heads]
    return [parameter for module in linear for name, parameter in module.named_parameters() if name == "weight"]


def undecayed_of(model: nn.Module) -> list[nn.Parameter]:
    """What the published code spares: norms of whole layers, scales of layers, tables of tokens and places.

    It decays the norms of queries and keys.
    """
    kinds = ("Norm", "LayerScale", "Embeddings")  # what the library's classes end with
    tables = (nn.Embedding, ExtendedEmbedding)
    chosen = [
        module
        for name, module in model.named_modules()
        if isinstance(module, tables)
        or (type(module).__name__.endswith(kinds) and name.rpartition(".")[2] not in ("q_norm", "k_norm"))
    ]
    return [parameter for module in chosen for parameter in module.parameters(recurse=False)]


class Optimizer:
    """Clips each part's gradients by its own norm, then takes a step at the part's learning rate.

    With ``config.matrices = "muon"`` the weights in ``matrices`` are changed by Muon and the others by AdamW.
    With ``config.decayed = "layers"`` those in ``undecayed`` are spared the weight decay; it must then be given.
    ``shards`` is the group of processes over which the parameters are sharded (None: they are whole).
    """

    def __init__(
        self,
        parameters: Mapping[str, Sequence[nn.Parameter]],
        config: OptimizerConfig,
        steps: int,
        matrices: Iterable[nn.Parameter] = (),
        shards: Any = None,
        *,
        undecayed: Iterable[nn.Parameter] | None = None,
    ) -> None:
        self.config, self.steps, self._shards = config, steps, shards
        self.parts = {part: list(parameters[part]) for part in PARTS if parameters.get(part)}
        by_muon = {id(matrix) for matrix in matrices} if config.matrices == "muon" else set()
        if config.decayed == "layers" and undecayed is None:
            raise ConfigError(
                "optimizer.decayed is 'layers', but the weights to be spared were not given: all would decay",
                fix="pass undecayed=undecayed_of(model), or set optimizer.decayed=all",
            )
        spared = {id(parameter) for parameter in undecayed or ()} if config.decayed == "layers" else set()

        def decay(part: str, parameter: nn.Parameter) -> float:
            return 0.0 if id(parameter) in spared else config.decay(part)

        self._adamw = torch.optim.AdamW(
            _groups(self.parts, lambda p: id(p) not in by_muon, decay),
            betas=config.betas,
            eps=config.eps,
            fused=True,
        )
        self._muon: Muon | None = None
        if groups := _groups(self.parts, lambda p: id(p) in by_muon, decay):
            self._muon = Muon(groups, momentum=config.betas[1])

    def state_dict(self) -> dict[str, Any]:
        """All of its states, for :meth:`load_state_dict`."""
        return {"adamw": self._adamw.state_dict(), "muon": self._muon.state_dict() if self._muon else None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`, that of whole parameters."""
        for optimizer, saved in ((self._adamw, state["adamw"]), (self._muon, state["muon"])):
            if optimizer is not None:
                members = _members(optimizer)
                slots = {i: _like(values, members[i]) for i, values in saved["state"].items()}
                optimizer.load_state_dict({**saved, "state": slots})

    def slots(self, names: Mapping[Tensor, str]) -> dict[str, Tensor]:
        """State of every parameter that has one, as ``name/slot``; ``names`` are those of the parameters."""
        held = [optimizer.state for optimizer in (self._adamw, self._muon) if optimizer is not None]
        return {
            f"{names[parameter]}/{slot}": value
            for states in held
            for parameter, values in states.items()
            for slot, value in values.items()
        }

    def load_slots(self, names: Mapping[Tensor, str], slots: Mapping[str, Tensor]) -> None:
        """Go on from :meth:`slots`, whose tensors are sharded as the parameters are."""
        by_name: dict[str, dict[str, Tensor]] = {}
        for key, value in slots.items():
            name, _, slot = key.rpartition("/")
            by_name.setdefault(name, {})[slot] = value
        for optimizer in (self._adamw, self._muon):
            if optimizer is not None:
                members = _members(optimizer)
                state = {i: by_name[names[p]] for i, p in enumerate(members) if names[p] in by_name}
                optimizer.load_state_dict({**optimizer.state_dict(), "state": state})

    def rates(self, step: int) -> dict[str, float]:
        """Learning rate of each part at ``step`` (1 for the first)."""
        rates = {}
        for part in self.parts:
            settings = self.config.part(part)
            factor = rate_factor(
                step,
                steps=self.steps,
                warmup=settings.warmup_in(self.steps),
                final_fraction=self.config.final_fraction,
                delay=settings.delay_in(self.steps),
            )
            rates[part] = settings.lr * factor
        return rates

    def clip(self) -> dict[str, float]:
        """Scale each part's gradients down to its largest norm, or all to one; returns the parts' norms before."""
        gradients = {part: self._gradients(part) for part in self.parts}
        norms = {part: _norm(members, self.parts[part][0].device) for part, members in gradients.items()}
        if self._shards is not None and norms:
            squares = torch.stack(list(norms.values())).square()
            dist.all_reduce(squares, group=self._shards)
            norms = dict(zip(norms, squares.sqrt(), strict=True))
        limits = {part: self.config.part(part).clip for part in self.parts}
        sizes = norms
        if self.config.clipping == "global" and norms:
            whole = torch.stack(list(norms.values())).square().sum().sqrt()
            sizes, limits = dict.fromkeys(norms, whole), dict.fromkeys(limits, min(limits.values()))
        for part, members in gradients.items():
            if members:
                factor = (limits[part] / (sizes[part] + 1e-6)).clamp(max=1.0)
                torch._foreach_mul_(members, factor)
        return {part: float(norm) for part, norm in norms.items()}

    def update(self, step: int) -> dict[str, float]:
        """Take step number ``step`` and drop the gradients; returns the learning rates used."""
        rates = self.rates(step)
        for optimizer, scale in ((self._adamw, 1.0), (self._muon, self.config.muon_scale)):
            if optimizer is None:
                continue
            for group in optimizer.param_groups:
                group["lr"] = rates[group["part"]] * scale
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return rates

    def _gradients(self, part: str) -> list[Tensor]:
        """What this process holds of the part's gradients."""
        gradients = [p.grad for p in self.parts[part] if p.grad is not None]
        return [g.to_local() if isinstance(g, DTensor) else g for g in gradients]


def _norm(gradients: list[Tensor], device: torch.device) -> Tensor:
    if not gradients:
        return torch.zeros((), device=device)
    # On processors float32 loses five digits over a million addends, which would differ with the number of shards.
    dtype = torch.float64 if device.type == "cpu" else None
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients, 2, dtype)))
    return norm


def _members(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """The parameters in the order of their numbers in a state."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _like(values: Mapping[str, Any], parameter: nn.Parameter) -> dict[str, Any]:
    """State of a whole parameter, sharded as ``parameter`` is."""
    if not isinstance(parameter, DTensor):
        return dict(values)
    return {
        slot: share_of(value, parameter) if value.shape == parameter.shape and value.ndim else value
        for slot, value in values.items()
    }


def share_of(whole: Tensor, like: DTensor) -> DTensor:
    """This process's share of a tensor that all of them have, sharded as ``like`` is; nothing is sent."""
    mesh = like.device_mesh
    return distribute_tensor(whole.to(mesh.device_type), mesh, like.placements, src_data_rank=None)


def _groups(
    parts: Mapping[str, Sequence[nn.Parameter]],
    wanted: Callable[[nn.Parameter], bool],
    decay: Callable[[str, nn.Parameter], float],
) -> list[dict[str, Any]]:
    """Groups of an optimiser: one for each part and weight decay in it."""
    groups: dict[tuple[str, float], list[nn.Parameter]] = {}
    for part, members in parts.items():
        for parameter in filter(wanted, members):
            groups.setdefault((part, decay(part, parameter)), []).append(parameter)
    return [
        {"params": members, "lr": 0.0, "part": part, "weight_decay": rate} for (part, rate), members in groups.items()
    ]
