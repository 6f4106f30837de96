"""Detectors of transformers (RT-DETR, OWLv2, Grounding DINO and their like), by id or path: driver ``transformers``.

``openmolmo synth count FOLDER --detector transformers --option model=PATH`` comes here by the entry point group
``openmolmo.detectors``; the room of counts itself knows no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForObjectDetection,
    AutoModelForZeroShotObjectDetection,
    AutoProcessor,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES,
    MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES,
)

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.core.hub import fetch_model, is_repository
from openmolmo.engine.count import Box

__all__ = ["TransformersDetector"]

_LEAST = 0.05
"""Boxes that are less sure are not asked for."""


@dataclass(frozen=True, kw_only=True)
class TransformersDetector:
    """RT-DETR, DETR, OWLv2, Grounding DINO and others.

    ``model``: a folder or OWNER/NAME. ``things``: what to look for, separated by commas, for a model that needs it.

    ``device``: where it runs, as ``cpu`` or ``cuda``.
    """

    model: str
    things: str = ""
    device: str = "cpu"

    def __post_init__(self) -> None:
        kind = self._kind
        if kind in MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES:
            if not self._wanted:
                raise ConfigError(
                    f"a model of the kind {kind} finds what it is told to", fix="add --option things=cup,dog"
                )
        elif kind not in MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES:
            raise CheckpointError(
                f"{self.model} is a {kind}, which finds no things in pictures", fix="give a detector, as an RT-DETR"
            )

    @cached_property
    def _folder(self) -> Path:
        folder = fetch_model(self.model) if is_repository(self.model) else Path(self.model)
        if not (folder / "config.json").is_file():
            raise CheckpointError(f"{folder} holds no model: there is no config.json", fix="give its folder or its id")
        return folder

    @cached_property
    def _kind(self) -> str:
        return str(AutoConfig.from_pretrained(self._folder).model_type)

    @property
    def _wanted(self) -> list[str]:
        return [thing.strip().lower() for thing in self.things.split(",") if thing.strip()]

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        """Model and processor."""
        told = self._kind in MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES
        home = AutoModelForZeroShotObjectDetection if told else AutoModelForObjectDetection
        model = home.from_pretrained(self._folder).eval().to(self.device)
        return model, (AutoProcessor if told else AutoImageProcessor).from_pretrained(self._folder)

    @property
    def labels(self) -> Sequence[str]:
        """Everything that it can find: what it is told, or the classes of its training."""
        if self._wanted:
            return self._wanted
        config = AutoConfig.from_pretrained(self._folder)
        return sorted({str(name).lower() for name in config.id2label.values()} - {"n/a"})

    @torch.inference_mode()
    def detect(self, pixels: npt.NDArray[np.uint8]) -> Sequence[Box]:
        """Boxes in (height, width, 3) RGB."""
        model, processor = self._parts
        height, width = pixels.shape[:2]
        image = np.ascontiguousarray(pixels)
        if self._kind in MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES:
            inputs = processor(images=image, return_tensors="pt").to(self.device)
            sizes = torch.tensor([[height, width]])
            found = processor.post_process_object_detection(model(**inputs), threshold=_LEAST, target_sizes=sizes)[0]
            names = [str(model.config.id2label[int(label)]).lower() for label in found["labels"]]
        else:
            found = self._told(model, processor, image)
            names = [str(name).lower().strip() for name in found["text_labels"]]
        wanted = set(self._wanted)
        return [
            _box(name, score, corners, width, height)
            for name, score, corners in zip(names, found["scores"].tolist(), found["boxes"].tolist(), strict=True)
            if not wanted or name in wanted
        ]

    def _told(self, model: Any, processor: Any, image: npt.NDArray[np.uint8]) -> dict[str, Any]:
        """What a model finds that is told in words what to look for."""
        height, width = image.shape[:2]
        grounded = "dino" in self._kind
        # Grounding DINO reads one sentence; the others a list of things.
        text: Any = ". ".join(self._wanted) + "." if grounded else [[f"a photo of {name}" for name in self._wanted]]
        inputs = processor(images=image, text=text, return_tensors="pt").to(self.device)
        sizes = [(height, width)]
        if grounded:
            ids = inputs.input_ids
            found = processor.post_process_grounded_object_detection(
                model(**inputs), ids, threshold=_LEAST, text_threshold=_LEAST, target_sizes=sizes
            )
        else:
            found = processor.post_process_grounded_object_detection(
                model(**inputs), threshold=_LEAST, target_sizes=sizes, text_labels=[self._wanted]
            )
        result: dict[str, Any] = found[0]
        return result


def _box(name: str, score: float, corners: Sequence[float], width: int, height: int) -> Box:
    """Cut at the sides of the picture: models may reach beyond them."""
    left, right = (min(max(corner, 0.0), float(width)) for corner in corners[0::2])
    top, bottom = (min(max(corner, 0.0), float(height)) for corner in corners[1::2])
    return Box(label=name, score=round(score, 4), left=left, top=top, right=right, bottom=bottom)
