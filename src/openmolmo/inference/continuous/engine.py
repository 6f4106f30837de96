"""Which work is done next: a piece of a prompt, then a step of all replies that are being written, and again.

    engine = Engine(model, tokenizer, BatchingConfig())
    engine.add(reply)
    while engine.busy:
        for update in engine.step():
            ...

Only :meth:`Engine.add` and :meth:`Engine.cancel` may be called while another thread is in ``step``.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from torch import Tensor

from openmolmo.core.errors import OpenMolmoError, UnavailableError
from openmolmo.inference.continuous.choosing import Chosen, choose
from openmolmo.inference.continuous.config import BatchingConfig
from openmolmo.inference.continuous.features import FeatureCache
from openmolmo.inference.continuous.own_rows import OwnRows
from openmolmo.inference.continuous.reply import Reply, Update
from openmolmo.inference.continuous.rows import Rows, SlotRows, can_share
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.tokenizer import TextTokenizer
from openmolmo.words.choosing import TokenLogprob

__all__ = ["Engine", "Figures", "too_late"]

log = logging.getLogger(__name__)

_SHORT = 4
"""A prompt of more chunks than this is a long one, which lets others by."""
_FAIR = 4
"""But of so many pieces one goes to the prompt that came first, whatever its length."""
_ALONE = 4
"""How much larger a piece may be while nobody else is being answered."""


def too_late() -> UnavailableError:
    """What a reply ends with whose time is over."""
    return UnavailableError("the answer took longer than it may", fix="ask for a shorter one, or try later")


def _our_error() -> UnavailableError:
    return UnavailableError("an error inside the model ended this reply", fix="ask again; the log says why")


@dataclass(slots=True)
class Figures:
    """Sums since the start."""

    prompt_tokens: int = 0
    generated_tokens: int = 0
    steps: int = 0
    failed_steps: int = 0


class Engine:
    """The running batch of one model."""

    def __init__(self, model: Molmo, tokenizer: TextTokenizer, config: BatchingConfig) -> None:
        self.config, self.figures = config, Figures()
        self._model, self._shared = model, can_share(model)
        # A model whose rows share nothing looks at a prompt's pictures with the prompt.
        self.features = FeatureCache(config.feature_bytes if self._shared else 0)
        self.rows = self._new_rows()
        self._waiting: deque[Reply] = deque()
        self._reading: dict[Reply, Iterator[Tensor | None]] = {}
        self._turn = 0

        @lru_cache(maxsize=2**16)
        def text_of(token: int) -> str:
            return tokenizer.decode([token])

        self._text_of = text_of

    # -------------------------------------------------------------------------- from any thread

    def add(self, reply: Reply) -> None:
        """Answer this one too."""
        self._waiting.append(reply)

    def cancel(self, reply: Reply) -> None:
        """Nobody wants the reply any more; its row is free at the next step."""
        reply.cancelled = True

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._waiting or self._reading or self.rows.active)

    @property
    def running(self) -> int:
        """Replies that have a row."""
        return len(self._reading) + len(self.rows.active)

    @property
    def waiting(self) -> int:
        """Replies that wait for a row."""
        return len(self._waiting)

    # -------------------------------------------------------------------------- steps

    def step(self) -> list[Update]:
        """A piece of a prompt where one waits, and a token more for every reply that is being written.

        Two pieces while more wait to be begun than are being written: a step costs nearly as much for few as for many.
        """
        updates = self._sweep()
        self._admit()
        for _ in range(2 if len(self._reading) > len(self.rows.active) else 1):
            if self._reading:
                updates += self._read()
        if self.rows.active:
            updates += self._write()
        return updates

    def fail(self, error: OpenMolmoError) -> list[Update]:
        """Give up all replies that there are, with this error."""
        replies = [*self._waiting, *self._reading, *self.rows.active]
        self._waiting.clear()
        return [self._give_up(reply, error, trusted=True) for reply in replies]

    def restart(self, replies: Iterable[Reply]) -> list[Update]:
        """Go on with new memory after an error that left the old one in an unknown state: without what was running,
        that is, those of ``replies`` that do not wait."""
        log.exception("the batch was begun anew")
        known = self.rows.prefix_tokens
        replies = [reply for reply in replies if reply not in self._waiting]
        self._reading.clear()
        self.rows = self._new_rows()
        self.rows.prefix_tokens = known
        for reply in replies:
            reply.finish, reply.slot = "error", -1
        return [Update(reply, error=_our_error()) for reply in replies]

    def _new_rows(self) -> Rows:
        return SlotRows(self._model, self.config, self.features) if self._shared else OwnRows(self._model)

    def _sweep(self) -> list[Update]:
        """Let go of replies that nobody waits for, or that came too late."""
        now, updates = time.monotonic(), []
        for reply in [*self._waiting, *self._reading, *self.rows.active]:
            late = reply.deadline is not None and now > reply.deadline
            if not (reply.cancelled or late):
                continue
            if reply in self._waiting:
                self._waiting.remove(reply)
            updates.append(self._give_up(reply, too_late(), trusted=True))
        return [update for update in updates if not update.reply.cancelled]

    def _admit(self) -> None:
        while self._waiting and self.running < self.config.rows:
            reply = self._waiting.popleft()
            # Its row, and what is known of its prompt, is looked for when it is read: later is better.
            chunk = self.config.chunk * (_ALONE if not self.rows.active else 1)
            self._reading[reply] = self.rows.read(reply, chunk)

    def _read(self) -> list[Update]:
        """The next piece of one prompt: of the first that came of the short ones, mostly."""
        self._turn += 1
        replies = list(self._reading)
        short = [reply for reply in replies if len(reply.prompt) <= _SHORT * self.config.chunk]
        reply = short[0] if short and self._turn % _FAIR else replies[0]
        try:
            logits = next(self._reading[reply])
            if logits is None:
                return []
            del self._reading[reply]
            self.figures.prompt_tokens += len(reply.prompt)
            self.rows.join(reply)
            return self._take([reply], choose(logits, [reply]))
        except Exception:  # noqa: BLE001 - whatever it is, the others go on
            return self._failed([reply])

    def _write(self) -> list[Update]:
        replies = list(self.rows.active)
        try:
            logits = self.rows.step()
            self.figures.steps += 1
            return self._take(replies, choose(logits, replies))
        except Exception:  # noqa: BLE001 - whatever it is, the next replies get theirs
            return self._failed(replies)

    def _take(self, replies: list[Reply], chosen: list[Chosen]) -> list[Update]:
        updates = []
        for reply, one in zip(replies, chosen, strict=True):
            updates.append(self._taken(reply, one))
            if reply.finish is not None:
                self.rows.leave(reply, trusted=bool(np.isfinite(one.logprob)))
        return updates

    def _taken(self, reply: Reply, chosen: Chosen) -> Update:
        """The reply with one more token."""
        self.figures.generated_tokens += 1
        if chosen.token in reply.end_ids:
            reply.finish = "stop"
            text = ""
        else:
            reply.ids.append(chosen.token)
            text = self._text_of(chosen.token)
            if reply.text.add(chosen.token):
                reply.finish = "stop"
            elif len(reply.ids) >= reply.limit:
                reply.finish = "length"
        top = tuple((token, self._text_of(token), value) for token, value in chosen.top)
        token = TokenLogprob(chosen.token, text, chosen.logprob, top)
        if reply.finish is not None:
            return Update(reply, reply.text.finish(), token, reply.finish)
        ready = reply.text.ready
        fresh, reply.shown = ready[reply.shown :], max(reply.shown, len(ready))
        return Update(reply, fresh, token)

    def _failed(self, replies: list[Reply]) -> list[Update]:
        """Give up replies after an error of ours, which goes to the log."""
        self.figures.failed_steps += 1
        log.exception("a step of %d replies failed", len(replies))
        return [self._give_up(reply, _our_error(), trusted=False) for reply in replies]

    def _give_up(self, reply: Reply, error: OpenMolmoError, *, trusted: bool) -> Update:
        self._reading.pop(reply, None)
        self.rows.leave(reply, trusted=trusted)
        reply.finish = "error"
        return Update(reply, error=error)
