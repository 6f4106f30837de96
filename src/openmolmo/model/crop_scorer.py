"""A learned crop policy: how much each high-resolution crop is worth, from the global crop and the question.

``crop_policy.npz`` beside the weights holds it. It has learnt from one encoder and one table of words, and is
of no use with others.

Letters: P patches of the global crop, F width of a patch feature, D width of words, N crops to choose from, H hidden.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openmolmo.core.errors import CheckpointError
from openmolmo.core.files import atomic_file, disk_full_as_error
from openmolmo.model.known_world import encoder_mark

__all__ = ["CROP_POLICY", "CropScorer", "SavedCropPolicy", "model_mark", "read_crop_policy"]

CROP_POLICY = "crop_policy.npz"
_TEACH = "teach it anew: openmolmo train micro_crop_policy init_from=MODEL"


class CropScorer(nn.Module):
    """A value of every patch of the global crop, and of every crop the (smooth) highest of the patches that show it.

    A patch is worth something for what it shows, and for how that fits the words of the question.
    """

    def __init__(self, features: int, words: int, hidden: int = 48) -> None:
        super().__init__()
        self.patch = nn.Linear(features, hidden)
        self.word = nn.Linear(words, hidden, bias=False)
        self.key = nn.Linear(features, hidden, bias=False)
        self.query = nn.Linear(words, hidden, bias=False)
        self.out = nn.Linear(hidden, 1, bias=False)

    def forward(self, patches: Tensor, words: Tensor, regions: Tensor) -> Tensor:
        """(..., P, F), (..., D), (..., N, P) bool -> (..., N)."""
        patches = F.layer_norm(patches, patches.shape[-1:])
        words = F.rms_norm(words, words.shape[-1:]).unsqueeze(-2)
        value = self.out(F.relu(self.patch(patches) + self.word(words))).squeeze(-1)
        fit = (self.key(patches) * self.query(words)).sum(dim=-1) * self.key.out_features**-0.5
        each = (value + fit).unsqueeze(-2).masked_fill(~regions, -torch.inf)
        scores: Tensor = each.logsumexp(dim=-1) - regions.sum(dim=-1).log()
        return scores


@dataclass(frozen=True, eq=False)
class SavedCropPolicy:
    """A scorer, and the mark of the model that it has learnt from."""

    scorer: CropScorer
    mark: str

    def write(self, folder: Path) -> None:
        """Into a model's folder."""
        arrays = {name: weight.detach().cpu().numpy() for name, weight in self.scorer.state_dict().items()}
        path = folder / CROP_POLICY
        with atomic_file(path) as temporary, disk_full_as_error(path), temporary.open("wb") as file:
            np.savez(file, model=np.array(self.mark), allow_pickle=False, **arrays)


def model_mark(encoder: nn.Module, words: nn.Module) -> str:
    """What tells the encoder and the table of words of a model from others."""
    return encoder_mark(nn.ModuleDict({"encoder": encoder, "words": words}))


def read_crop_policy(folder: Path, encoder: nn.Module, words: nn.Module) -> SavedCropPolicy:
    """The policy in a model's folder. Raises CheckpointError where there is none, or it is of another model."""
    path = folder / CROP_POLICY
    if not path.is_file():
        raise CheckpointError(f"{folder} has no learned crop policy ({CROP_POLICY})", fix=_TEACH)
    try:
        with np.load(path, allow_pickle=False) as file:
            mark = str(file["model"])
            state = {name: torch.from_numpy(file[name]) for name in file.files if name != "model"}
        scorer = CropScorer(state["patch.weight"].shape[1], state["word.weight"].shape[1], len(state["patch.weight"]))
        scorer.load_state_dict(state)
    except (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} cannot be read: {error}", fix=f"copy it again, or {_TEACH}") from error
    if mark != (own := model_mark(encoder, words)):
        raise CheckpointError(
            f"{path} is the crop policy of another model ({mark}, this one is {own}): its encoder or its words differ",
            fix=_TEACH,
        )
    return SavedCropPolicy(scorer.eval(), mark)
