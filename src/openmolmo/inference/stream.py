"""A reply while it is being written: pieces of text, and points as soon as they are complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from openmolmo.inference.generate import Generated
from openmolmo.words.answer import Answer, FoundPoint, read_answer
from openmolmo.words.confidence import with_confidence
from openmolmo.words.reply import ReplyText

__all__ = ["Piece", "fresh_points", "pieces"]


@dataclass(frozen=True, slots=True)
class Piece:
    """What has come since the last piece: text, and the points whose coordinates are now complete.

    A point's label stands behind its coordinates and is empty until that is written. ``answer`` is
    the whole reply, in the last piece only; the texts of all pieces together are ``answer.text``.
    """

    text: str
    points: tuple[FoundPoint, ...] = ()
    answer: Answer | None = None

    def __str__(self) -> str:
        return self.text


def pieces(
    replies: Iterable[Generated],
    text: ReplyText,
    sizes: Sequence[tuple[int, int]],
    *,
    counted: bool = True,
    strange: Callable[[], float | None] = lambda: None,
) -> Iterator[Piece]:
    """Pieces of a reply that is given after each token; ``text`` reads along.

    ``sizes`` and ``counted`` as in :func:`read_answer`; ``strange`` gives ``out_of_world``, asked at the end.
    """
    shown, seen, finished = "", Counter[tuple[float, float]](), False
    chances: list[float] = []
    for reply in replies:
        finished = reply.finished
        ready = text.ready
        chances = reply.logprobs
        if not reply.done and len(ready) > len(shown):
            answer = read_answer(ready, sizes)
            if len(answer.points) > seen.total():
                answer = with_confidence(answer, list(zip(text.added, chances, strict=True)))
            yield Piece(ready[len(shown) :], fresh_points(answer.points, seen))
            shown = ready
    answer = read_answer(text.finish(), sizes, finished=finished, counted=counted)
    answer = with_confidence(answer, list(zip(text.added, chances, strict=True)))
    answer = replace(answer, out_of_world=strange())
    yield Piece(answer.text[len(shown) :], fresh_points(answer.points, seen), answer)


def fresh_points(points: Iterable[FoundPoint], seen: Counter[tuple[float, float]]) -> tuple[FoundPoint, ...]:
    """Points not given before; ``seen`` counts those given, since a place may be pointed at twice."""
    fresh, now = [], Counter[tuple[float, float]]()
    for point in points:
        now[point.x, point.y] += 1
        if now[point.x, point.y] > seen[point.x, point.y]:
            seen[point.x, point.y] += 1
            fresh.append(point)
    return tuple(fresh)
