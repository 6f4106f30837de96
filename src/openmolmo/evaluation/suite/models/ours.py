"""A model of ours, or a released one: batches of questions that want as many tokens and see as many crops."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from openmolmo.core.errors import OpenMolmoError
from openmolmo.evaluation.suite.journal import Said
from openmolmo.evaluation.suite.models.base import Outcomes
from openmolmo.evaluation.tasks.base import Question, image_source, to_request
from openmolmo.imaging import count_tokens
from openmolmo.inference.load import load
from openmolmo.inference.predictor import Predictor
from openmolmo.prompting.processor import Picture
from openmolmo.records.example import ImageRef
from openmolmo.words.requests import ImageSource, Request

__all__ = ["OurModel"]

_WINDOW = 8  # batches that are sorted together
_PIXEL_BYTES = 2**30  # but no more crops than this
_KEPT = 8  # pictures in crops
_Key = tuple[str, int | None]
"""What tells a picture in crops from others: the file's hash, and the most crops."""


class OurModel:
    """A predictor. A question that is asked again after a run was killed is in the same batch as before."""

    looks = True

    def __init__(self, predictor: Predictor, *, max_crops: int) -> None:
        self.predictor, self.name = predictor, predictor.name
        self._cut: OrderedDict[_Key, Picture] = OrderedDict()
        self._lock = threading.Lock()
        crop = predictor.processor.crop
        picture = (1 + max_crops) * 3 * crop.crop_size**2 * 4
        batch = predictor.batch_size
        self.window = max(batch, min(batch * _WINDOW, _PIXEL_BYTES // picture) // batch * batch)
        dtype = str(next(predictor.model.parameters()).dtype).removeprefix("torch.")
        self.about: dict[str, Any] = {
            "model": self.name,
            "weights": predictor.weights,
            "dtype": dtype,
            "device": str(predictor.model.device),
            "batch_size": batch,
            "resize": predictor.processor.resize_mode,
        }

    @classmethod
    def load(
        cls, name: str, *, device: str | None, dtype: str | None, batch_size: int, max_new_tokens: int, max_crops: int
    ) -> OurModel:
        """By the name of a bundled model, a checkpoint, a run's folder or a repository."""
        predictor = load(name, device=device, dtype=dtype, batch_size=batch_size, max_new_tokens=max_new_tokens)
        return cls(predictor, max_crops=max_crops)

    def prepare(self, name: str, question: Question, instruction: str) -> _Ready:
        """The request with its pictures cut into crops."""
        keys = tuple((str(image.sha256), question.max_crops) for image in question.images)
        cut = tuple(self._picture(image, key) for image, key in zip(question.images, keys, strict=True))
        return _Ready(to_request(question), keys, cut)

    def answer(self, prepared: Sequence[_Ready]) -> Iterator[Outcomes]:
        """Batch by batch; which questions make a batch depends on the window alone."""
        for places in _batches(prepared, self.predictor.batch_size):
            shared: dict[_Key, Picture] = {}
            requests = [prepared[place].request_with(shared) for place in places]
            outcomes: Outcomes = []
            for place, outcome in self.predictor.answers(requests):
                said = outcome if isinstance(outcome, OpenMolmoError) else Said(outcome.text, outcome.finished)
                outcomes.append((places[place], said))
            yield outcomes

    def _picture(self, image: ImageRef, key: _Key) -> Picture:
        """A picture in crops; the last ones are kept, since questions about one picture follow each other."""
        with self._lock:
            if key in self._cut:
                return self._cut[key]
        (cut,) = self.predictor.processor.pictures([image_source(image)], key[1])
        with self._lock:
            self._cut[key] = cut
            if len(self._cut) > _KEPT:
                self._cut.popitem(last=False)
        return cut


@dataclass(frozen=True, slots=True)
class _Ready:
    """A request, and its pictures with what tells them apart."""

    request: Request
    keys: tuple[_Key, ...]
    pictures: tuple[Picture, ...]

    def request_with(self, shared: dict[_Key, Picture]) -> Request:
        """To be asked in a batch in which each picture is one object, which the model looks at once."""
        cut = tuple(shared.setdefault(key, one) for key, one in zip(self.keys, self.pictures, strict=True))
        return replace(self.request, images=cast(tuple[ImageSource, ...], cut))

    @property
    def size(self) -> tuple[int, int]:
        """Tokens that are wanted, and those of the pictures."""
        tokens = sum(count_tokens(picture.grids) for picture in self.pictures)
        return self.request.max_new_tokens or 0, tokens


def _batches(prepared: Sequence[_Ready], batch_size: int) -> Iterator[list[int]]:
    """Places of questions that want as many tokens and whose pictures are alike; those of one picture stay together."""
    first: dict[tuple[_Key, ...], int] = {}
    for place, one in enumerate(prepared):
        first.setdefault(one.keys, place)
    order = sorted(range(len(prepared)), key=lambda place: (prepared[place].size, first[prepared[place].keys], place))
    return (order[start : start + batch_size] for start in range(0, len(order), batch_size))
