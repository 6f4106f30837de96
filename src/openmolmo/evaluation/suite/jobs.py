"""What is asked: every question about its own picture, and some of them about another's."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from openmolmo.core.files import sha256_bytes
from openmolmo.core.rng import derive
from openmolmo.evaluation.suite.questions import Item, Loaded
from openmolmo.evaluation.tasks.base import Question

__all__ = ["Job", "jobs_of", "questions_mark"]


@dataclass(frozen=True, slots=True)
class Job:
    """A question to ask, with the pictures of ``shown``; ``id`` names it among all of a run."""

    id: str
    loaded: Loaded
    item: Item
    shown: Item

    def question(self) -> Question:
        """The question with the pictures that are shown, to be sent. DataError where they cannot be made."""
        wanted = len(self.item.question.images)
        known = (image.sha256 for image in self.shown.question.images)
        images = [
            replace(image, sha256=mark) for image, mark in zip(self.loaded.images(self.shown), known, strict=False)
        ]
        first, *rest = itertools.islice(itertools.cycle(images), wanted)
        return replace(self.item.question, image=first, more_images=tuple(rest))


def jobs_of(loaded: Sequence[Loaded], shuffled: int) -> list[Job]:
    """Every question of every benchmark, each followed by the control: at most ``shuffled`` questions a benchmark."""
    jobs = []
    for one in loaded:
        name = one.benchmark.name
        jobs += [Job(f"{name}/{item.question.id}", one, item, item) for item in one.items]
        jobs += [Job(f"{name}/shuffled/{item.question.id}", one, item, other) for item, other in _moved(one, shuffled)]
    return jobs


def _moved(loaded: Loaded, most: int) -> list[tuple[Item, Item]]:
    """Questions whose answers are known, each with one about another picture: pictures move in one random cycle."""
    known = [item for item in loaded.items if not item.hidden]
    kept = np.sort(derive(0, "shuffled", loaded.benchmark.name).permutation(len(known))[:most]).tolist()
    items = [known[place] for place in kept]
    first = {item.question.example_id: item for item in reversed(items)}
    names = list(dict.fromkeys(item.question.example_id for item in items))
    if len(names) < 2:
        return []
    order = [names[i] for i in derive(0, "shuffle-images").permutation(len(names))]
    other = {mine: first[theirs] for mine, theirs in zip(order, [*order[1:], order[0]], strict=True)}
    return [(item, other[item.question.example_id]) for item in items]


def questions_mark(jobs: Sequence[Job]) -> str:
    """What tells these questions from others: their words, pictures and settings."""
    parts = []
    for job in jobs:
        asked = job.item.question
        pictures = [image.sha256 for image in job.shown.question.images]
        words = (job.id, asked.text, asked.style, job.item.instruction, asked.max_crops, asked.max_new_tokens)
        parts.append(repr((*words, pictures)))
    return sha256_bytes("\n".join(parts).encode("utf-8", "surrogatepass"))[:16]
