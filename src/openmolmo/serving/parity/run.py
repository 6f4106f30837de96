"""Asks one backend after the other, so that only one is in memory, and compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from openmolmo.core.errors import ConfigError, OpenMolmoError, RunError
from openmolmo.core.progress import make_progress
from openmolmo.inference.request_file import Asked
from openmolmo.prompting.processor import Processor
from openmolmo.serving.parity.asked import Question, worded
from openmolmo.serving.parity.backends.address import Address, read_address
from openmolmo.serving.parity.backends.base import ParityBackend, Reply
from openmolmo.serving.parity.backends.find import open_backend, processor_of
from openmolmo.serving.parity.compare import Pair, compare
from openmolmo.serving.parity.verdict import Figures, Gate, figures, misses

__all__ = ["Parity", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Two backends side by side. ``faults``: requests that could not be asked of any, by id."""

    a: str
    b: str
    about_a: dict[str, Any]
    about_b: dict[str, Any]
    gate: Gate
    pairs: list[Pair]
    figures: Figures
    misses: list[str]
    faults: dict[str, OpenMolmoError] = field(default_factory=dict)


def run(
    a: str,
    b: str,
    asked: Sequence[Asked],
    gate: Gate,
    *,
    max_new_tokens: int = 256,
    opened: Callable[[Address], ParityBackend] = open_backend,
) -> Parity:
    """Ask ``a``, then ``b``, the same, and compare.

    Raises:
        ConfigError, CheckpointError: there is no such backend, or it cannot be opened.
        PromptError, ImageError, DataError: not one request can be asked.
    """
    addresses = [read_address(a), read_address(b)]
    if not asked:
        raise ConfigError("there is nothing to ask", fix="give --count of at least 1, --pictures or --requests")
    processor = processor_of(addresses)
    questions = worded(asked, processor, max_new_tokens)
    good = [one for one in questions if one.fault is None]
    if not good:
        fault = questions[0].fault
        assert fault is not None
        raise fault
    (about_a, said_a), (about_b, said_b) = (_ask(address, good, opened) for address in addresses)
    spell = str if processor is None else _speller(processor)
    pairs = [compare(*three, gate.radius, spell) for three in zip(good, said_a, said_b, strict=True)]
    found = figures(pairs)
    return Parity(
        a=a,
        b=b,
        about_a=about_a,
        about_b=about_b,
        gate=gate,
        pairs=pairs,
        figures=found,
        misses=misses(found, gate),
        faults={one.id: one.fault for one in questions if one.fault is not None},
    )


def _speller(processor: Processor) -> Callable[[int], str]:
    return lambda token: f"{processor.tokenizer.decode([token], keep_specials=True)!r} ({token})"


def _ask(
    address: Address, questions: Sequence[Question], opened: Callable[[Address], ParityBackend]
) -> tuple[dict[str, Any], list[Reply | OpenMolmoError]]:
    """What the backend is, and one outcome a question: what is left when it ends early failed with it."""
    outcomes: list[Reply | OpenMolmoError | None] = [None] * len(questions)
    why = RunError("it gave no reply to this")
    with closing(opened(address)) as backend, make_progress() as progress:
        task = progress.add_task(address.given, total=len(questions))
        try:
            for place, outcome in backend.replies(questions):
                outcomes[place] = outcome
                progress.advance(task)
        except RunError as error:  # a server that is down, a peer that died: those it answered count
            why = error
        about = dict(backend.about)
    return about, [why if outcome is None else outcome for outcome in outcomes]
