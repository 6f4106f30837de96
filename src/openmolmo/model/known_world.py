"""How unlike a picture is to those that a model knows, from the features that answering makes of it anyway.

The mean and the spread of the encoder's patch features over the whole picture (its first crop) are weighed into one
number; how often held-out known pictures reach it makes a score of that. ``known_world.json`` beside the weights holds
both. A model without the file, or whose encoder is another by now, has no score.

Letters: P patches of a crop, W width of a patch feature.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from openmolmo.core.files import write_text

__all__ = ["KNOWN_WORLD", "LEVELS", "KnownWorld", "encoder_mark", "read_known_world", "statistics"]

log = logging.getLogger(__name__)

KNOWN_WORLD = "known_world.json"
_VERSION = 1
LEVELS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Shares of held-out known pictures whose number is at least that of ``KnownWorld.reached``."""
_ALARMS = 0.01
"""The share of known pictures at which the score is one half."""


@dataclass(frozen=True, eq=False)
class KnownWorld:
    """``weight`` (2W,) and ``bias`` make one number of a picture; ``reached`` has a number for each of ``LEVELS``."""

    weight: npt.NDArray[np.float32]
    bias: float
    reached: tuple[float, ...]
    encoder: str

    def score(self, patches: Tensor, mask: Tensor) -> float | None:
        """(P, W) features of the first crop, (P,) shares of real pixels -> 0-1; None where they are no numbers.

        With S the share of known pictures that are at least as strange: 0.01 / (0.01 + S). So one known picture in
        a hundred is above 0.5, and the middle one has 0.02. Beyond the strangest S goes on as before it.
        """
        found = statistics(patches, mask)
        if found is None:
            return None
        number = float(found @ self.weight) + self.bias
        return _ALARMS / (_ALARMS + self._share(number)) if math.isfinite(number) else None

    def _share(self, number: float) -> float:
        place = int(np.clip(np.searchsorted(self.reached, number), 1, len(LEVELS) - 1))
        (low, high), (more, less) = self.reached[place - 1 : place + 1], LEVELS[place - 1 : place + 1]
        way = (number - low) / max(high - low, 1e-6)
        return math.exp(min(0.0, max(-50.0, math.log(more) + way * (math.log(less) - math.log(more)))))

    def write(self, folder: Path) -> None:
        """Into a model's folder."""
        weight = base64.b64encode(self.weight.astype("<f4").tobytes()).decode("ascii")
        values = {"version": _VERSION, "encoder": self.encoder, "bias": self.bias, "reached": list(self.reached)}
        write_text(folder / KNOWN_WORLD, json.dumps({**values, "weight": weight}, indent=1) + "\n")


def statistics(patches: Tensor, mask: Tensor) -> npt.NDArray[np.float32] | None:
    """(2W,) mean and spread of the features of patches that have real pixels; None where there are none."""
    real = patches.float()[mask > 0]
    if not len(real):
        return None
    spread, mean = torch.std_mean(real, dim=0, unbiased=False)
    found: npt.NDArray[np.float32] = torch.cat((mean, spread)).cpu().numpy()
    return found if np.isfinite(found).all() else None


def encoder_mark(encoder: nn.Module) -> str:
    """What tells an encoder from others, by its weights as bfloat16, so that the type in memory makes no difference."""
    digest = hashlib.sha256()
    for name, weight in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        if not weight.is_meta:
            digest.update(weight.detach().to("cpu", torch.bfloat16).contiguous().view(torch.int16).numpy().tobytes())
    return digest.hexdigest()[:16]


def read_known_world(folder: Path, encoder: nn.Module, width: int) -> KnownWorld | None:
    """What a model's folder says of what it knows; None, with a warning where there is a file that is no good.

    ``width``: W of the model.
    """
    path = folder / KNOWN_WORLD
    if not path.is_file():
        return None
    try:
        world = _read(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s is left out, it cannot be read: %s; copy it again, or make it anew", path, error)
        return None
    mark = encoder_mark(encoder)
    if len(world.weight) != 2 * width or world.encoder != mark:
        log.warning(
            "%s is left out: it is of another encoder (%s, %d features; this one is %s, %d); make it anew: "
            "openmolmo eval known-world MODEL --fit",
            *(path, world.encoder, len(world.weight) // 2, mark, width),
        )
        return None
    return world


def _read(values: dict[str, Any]) -> KnownWorld:
    if values["version"] != _VERSION:
        raise ValueError(f"it is of version {values['version']}, known is {_VERSION}")
    weight = np.frombuffer(base64.b64decode(values["weight"], validate=True), "<f4")
    reached: Sequence[float] = tuple(float(one) for one in values["reached"])
    numbers = (*reached, float(values["bias"]), *weight.tolist())
    if len(reached) != len(LEVELS) or list(reached) != sorted(reached) or not np.isfinite(numbers).all():
        raise ValueError("its numbers are not finite, or not in order")
    return KnownWorld(weight, float(values["bias"]), tuple(reached), str(values["encoder"]))
