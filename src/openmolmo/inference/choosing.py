"""The model that crop policies look through, as :mod:`openmolmo.imaging.policies` asks for it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from openmolmo.core.errors import CheckpointError
from openmolmo.model.crop_scorer import SavedCropPolicy, read_crop_policy
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.tokenizer import TextTokenizer

__all__ = ["Looking"]


class Looking:
    """Features and words of a model, and the policy saved in its ``folder``, which is read when first asked for.

    The global crop is looked at here, and once more with those that are kept.
    """

    def __init__(self, model: Molmo, tokenizer: TextTokenizer, folder: Path | None = None) -> None:
        self.model, self.tokenizer, self.folder = model, tokenizer, folder

    @torch.inference_mode()
    def features(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The encoder's (P, W) features of one crop (3, S, S)."""
        found: npt.NDArray[np.float32] = self._features(pixels).cpu().numpy()
        return found

    @torch.inference_mode()
    def words(self, text: str) -> npt.NDArray[np.float32]:
        """(D,) mean of the embeddings of a text's tokens; zeros for none."""
        found: npt.NDArray[np.float32] = self._words(text).cpu().numpy()
        return found

    @torch.inference_mode()
    def scores(
        self, pixels: npt.NDArray[np.float32], regions: npt.NDArray[np.bool_], question: str
    ) -> npt.NDArray[np.float32]:
        """(crops,) by the saved policy."""
        scorer = self.policy.scorer
        given = (self._features(pixels).cpu(), self._words(question).cpu(), torch.from_numpy(regions))
        found: npt.NDArray[np.float32] = scorer(*given).numpy()
        return found

    @cached_property
    def policy(self) -> SavedCropPolicy:
        """That of the folder; CheckpointError where there is none, or it is of another model."""
        if self.folder is None:
            raise CheckpointError("a model in memory has no learned crop policy", fix="save it, teach the policy, load")
        return read_crop_policy(self.folder, self.model.encoder, self.model.embedding)

    def _features(self, pixels: npt.NDArray[np.float32]) -> Tensor:
        crop = torch.from_numpy(pixels).unsqueeze(0).to(self.model.device, self.model.embedding.weight.dtype)
        found: Tensor = self.model.encoder(crop)[0].float()
        return found

    def _words(self, text: str) -> Tensor:
        ids = torch.tensor(self.tokenizer.encode(text), dtype=torch.long, device=self.model.device)
        embedded: Tensor = self.model.embedding(ids.unsqueeze(0))[0].float()
        return embedded.mean(dim=0) if len(ids) else embedded.new_zeros(embedded.shape[-1])
