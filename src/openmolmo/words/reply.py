"""The text of a reply while its tokens come: whole characters only, and no further than a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["ReplyText", "token_texts"]

_HALF = "\ufffd"  # what an incomplete character is decoded to
_MARGIN = 4  # tokens before the new ones that are decoded with them, for tokenizers that look back

Decode = Callable[[Sequence[int]], str]


class ReplyText:
    """Text grows with ``add``; ``text`` is what is certain, ``ready`` what may be shown of it already.

        reply = ReplyText(tokenizer.decode, stop=("\\n\\n",))
        stopped = reply.add(token)

    A character of several tokens appears when its last one has come. Nothing from the first stop
    string on is ever part of ``text``. ``added``: what each token added to it. ``as_written``: blanks at both ends
    belong to the text, for one that goes on from other text.
    """

    def __init__(self, decode: Decode, stop: Sequence[str] = (), *, as_written: bool = False) -> None:
        self._decode, self._stop, self.as_written = decode, tuple(stop), as_written
        self._ids: list[int] = []
        self._settled = 0  # tokens whose text is in ``text``
        self.text = ""
        self.added: list[str] = []
        self.stopped = False

    def add(self, token: int) -> bool:
        """Take one more token; True when a stop string is complete."""
        self._ids.append(token)
        before, new = len(self.text), self._new_text()
        if not new.endswith(_HALF):
            self._settle(new)
        self.added.append(self.text[before:])
        return self.stopped

    def finish(self) -> str:
        """No more tokens will come: the whole text, an incomplete character at its end included."""
        if self.added and not self.stopped:
            before = len(self.text)
            self._settle(self._new_text())
            self.added[-1] += self.text[before:]
        return self.text

    @property
    def ready(self) -> str:
        """The text without what could still turn out to be a stop string or a space at the reply's end."""
        held = max((_overlap(self.text, stop) for stop in self._stop), default=0) if not self.stopped else 0
        ready = self.text[: len(self.text) - held]
        return ready if self.as_written else ready.strip()

    def _new_text(self) -> str:
        start = max(0, self._settled - _MARGIN)
        before = self._decode(self._ids[start : self._settled])
        return self._decode(self._ids[start:])[len(before) :]

    def _settle(self, new: str) -> None:
        searched = max(0, len(self.text) - max((len(stop) for stop in self._stop), default=0))
        self._settled = len(self._ids)
        self.text += new
        found = [place for stop in self._stop if (place := self.text.find(stop, searched)) >= 0]
        if found:
            self.text = self.text[: min(found)]
            self.stopped = True


def token_texts(decode: Decode, ids: Sequence[int]) -> list[str]:
    """The text that each token adds: together that of all, a character of several tokens with the last of them."""
    texts = [decode([token]) for token in ids]
    if "".join(texts) == decode(ids):
        return texts
    reply = ReplyText(decode)
    for token in ids:
        reply.add(token)
    reply.finish()
    return reply.added


def _overlap(text: str, stop: str) -> int:
    """Length of the longest beginning of ``stop``, not all of it, that ``text`` ends with."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
