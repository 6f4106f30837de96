"""A model without pictures: tokens in, log-likelihoods or texts out.

Letters: B rows, T tokens of the longest, K tokens of the longest continuation, V rows of the output head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from openmolmo.core.errors import PromptError
from openmolmo.inference.batch import left_padded
from openmolmo.inference.generate import generate
from openmolmo.inference.predictor import Predictor
from openmolmo.prompting.formatter import Turn
from openmolmo.prompting.processor import Prompt
from openmolmo.words.reply import ReplyText

__all__ = ["TextModel", "Wanted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A text to be continued, by at most ``max_new_tokens`` and up to one of ``stop``."""

    ids: list[int]
    max_new_tokens: int
    stop: tuple[str, ...] = ()


class TextModel:
    """A predictor's language model. Texts that are too long lose their beginning, as harnesses expect; how many did
    is in ``cut``.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor, self.cut = predictor, 0
        self.tokenizer = predictor.processor.tokenizer
        self.context = int(predictor.model.config.text_config.max_position_embeddings)
        self._end = self.tokenizer.names["eos_token"]

    # ------------------------------------------------------------------------------- texts

    def encode(self, text: str) -> list[int]:
        """Tokens of a text in which the end of a reply may stand by its name; no other special token is recognised."""
        first, *rest = (self.tokenizer.encode(piece) for piece in text.split(self._end))
        return [*first, *(token for piece in rest for token in (self.tokenizer.special.eos, *piece))]

    def conversation(self, messages: Sequence[dict[str, str]], *, answer: bool = True) -> str:
        """``{"role", "content"}`` messages in the markup of training; a system message stands before the question that
        follows it. With ``answer`` a space is at the end, with which a reply begins; without it the last message is
        the beginning of a reply.
        """
        turns = self.predictor.processor.formatter.turns(in_turn(messages))
        texts = [turn.text + self._end if turn.role == "assistant" else turn.text for turn in turns]
        _check(turns, answer)
        return "".join(texts) + " " if answer else "".join(texts).removesuffix(self._end)

    # ------------------------------------------------------------------------------- numbers

    def log_likelihoods(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[tuple[float, bool]]:
        """For (context, continuation): the continuation's log-likelihood, and whether greedy decoding writes it."""
        found: dict[int, tuple[float, bool]] = {}
        order = sorted(range(len(pairs)), key=lambda place: -sum(map(len, pairs[place])))
        size = self.predictor.batch_size
        for start in range(0, len(order), size):
            places = order[start : start + size]
            found.update(zip(places, self._scores([pairs[place] for place in places]), strict=True))
        return [found[place] for place in range(len(pairs))]

    @torch.inference_mode()
    def _scores(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[tuple[float, bool]]:
        prompts = [self._prompt([*before, *after][:-1], room=0) for before, after in pairs]
        model = self.predictor.model
        longest = max(1, *(len(after) for _, after in pairs)) if pairs else 1
        logits = model(**left_padded(prompts, model.device), logits_to_keep=longest).logits  # (B, K, V)
        scores = []
        for row, (_, after) in zip(logits, pairs, strict=True):
            if not after:
                scores.append((0.0, True))
                continue
            kept = after[-len(row) :]  # a continuation as long as the context loses its beginning with it
            known = row[-len(kept) :].float().log_softmax(-1)
            target = torch.tensor(kept, device=known.device)
            inside = target.clamp(max=known.shape[-1] - 1)
            said = known.gather(-1, inside[:, None]).squeeze(-1).masked_fill(target != inside, -torch.inf)
            scores.append((float(said.sum()), bool((known.argmax(-1) == target).all())))
        return scores

    # ------------------------------------------------------------------------------- generation

    def continued(self, wanted: Sequence[Wanted]) -> list[str]:
        """What follows each text, without the space that every reply begins with."""
        texts: dict[int, str] = {}
        size = self.predictor.batch_size
        order = sorted(range(len(wanted)), key=lambda place: (wanted[place].max_new_tokens, len(wanted[place].ids)))
        for start in range(0, len(order), size):
            places = order[start : start + size]
            texts.update(zip(places, self._continue([wanted[place] for place in places]), strict=True))
        return [texts[place] for place in range(len(wanted))]

    def _continue(self, wanted: Sequence[Wanted]) -> list[str]:
        decode = self.tokenizer.decode
        prompts = [self._prompt(one.ids, room=one.max_new_tokens) for one in wanted]
        limits = [
            self.predictor.limit(prompt, one.max_new_tokens, seed=place, text=ReplyText(decode, one.stop))
            for place, (prompt, one) in enumerate(zip(prompts, wanted, strict=True))
        ]
        decoding = self.predictor.decoding(prompts, room=max(limit.tokens for limit in limits))
        replies = generate(decoding, limits, self.predictor.sampling)
        return [reply.limit.text.finish().removeprefix(" ") if reply.limit.text else "" for reply in replies]

    def _prompt(self, ids: list[int], room: int) -> Prompt:
        """The last tokens that leave ``room``, behind the token that begins every text."""
        bos = self.tokenizer.special.bos
        ids = ids[1:] if ids[:1] == [bos] else ids
        most = max(1, self.context - 1 - min(room, self.context // 2))
        self.cut += len(ids) > most
        kept = np.array([bos, *ids[-most:]], dtype=np.int64)
        empty = np.zeros_like(kept)
        return Prompt(
            input_ids=kept,
            position_ids=np.arange(len(kept)),
            branch_ids=empty,
            labels=empty,
            loss_weights=np.zeros(len(kept), np.float32),
        )


def in_turn(messages: Sequence[dict[str, str]]) -> list[str]:
    """Texts of user and assistant in turn; messages of one role that follow each other become one text."""
    texts: list[str] = []
    roles: list[str] = []
    for message in messages:
        role = "assistant" if message["role"] == "assistant" else "user"  # what a system or a tool says is read
        if roles and roles[-1] == role:
            texts[-1] = f"{texts[-1]}\n{message['content']}"
        else:
            texts.append(message["content"])
            roles.append(role)
    if roles[:1] == ["assistant"]:
        raise PromptError("the conversation begins with the assistant", fix="begin with a message of the user")
    return texts


def _check(turns: Sequence[Turn], answer: bool) -> None:
    last = turns[-1].role if turns else "nobody"
    wanted = "user" if answer else "assistant"
    if last != wanted:
        raise PromptError(
            f"the last of {len(turns)} messages is by {last}, expected is {wanted}", fix="end with a question"
        )
