"""A model of ours, or a released one: batches of questions that want as many tokens and see as many crops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from openmolmo.core.errors import OpenMolmoError
from openmolmo.evaluation.suite.journal import Said
from openmolmo.evaluation.suite.models.base import Outcomes
from openmolmo.evaluation.tasks.base import Question, image_source, to_request
from openmolmo.inference.load import load
from openmolmo.inference.predictor import Predictor
from openmolmo.prompting.processor import Picture
from openmolmo.words.requests import ImageSource, Request

__all__ = ["OurModel"]

_WINDOW = 8  # batches that are sorted together
_PIXEL_BYTES = 2**30  # but no more crops than this


class OurModel:
    """A predictor. A question that is asked again after a run was killed is in the same batch as before."""

    looks = True

    def __init__(self, predictor: Predictor, *, max_crops: int) -> None:
        self.predictor, self.name = predictor, predictor.name
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

    def prepare(self, name: str, question: Question, instruction: str) -> Request:
        """The request with its pictures cut into crops."""
        sources = [image_source(image) for image in question.images]
        cut = self.predictor.processor.pictures(sources, question.max_crops)
        return replace(to_request(question), images=cast(tuple[ImageSource, ...], cut))

    def answer(self, prepared: Sequence[Request]) -> Iterator[Outcomes]:
        """Batch by batch; which questions make a batch depends on the window alone."""
        order = sorted(range(len(prepared)), key=lambda place: _size(prepared[place]))
        for start in range(0, len(order), self.predictor.batch_size):
            places = order[start : start + self.predictor.batch_size]
            outcomes: Outcomes = []
            for place, outcome in self.predictor.answers([prepared[place] for place in places]):
                said = outcome if isinstance(outcome, OpenMolmoError) else Said(outcome.text, outcome.finished)
                outcomes.append((places[place], said))
            yield outcomes


def _size(request: Request) -> tuple[int, int, int]:
    pictures = cast(Sequence[Picture], request.images)
    crops = sum(rows * columns for picture in pictures for rows, columns in picture.grids)
    return request.max_new_tokens or 0, crops, len(request.text)
