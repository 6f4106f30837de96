"""Our models in lm-evaluation-harness (0.4.13): benchmarks of text alone, asked without a picture.

    import openmolmo.evaluation.adapters.lm_evaluation_harness  # registers the model under the name openmolmo
    lm_eval.simple_evaluate("openmolmo", model_args="pretrained=nano", tasks=[...], apply_chat_template=True)

With the chat template every text goes through the markup that the model was trained with; without it texts are
continued as they are, as a base model would.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from openmolmo.core.errors import ConfigError
from openmolmo.evaluation.adapters.text_model import TextModel, Wanted
from openmolmo.inference.load import load

__all__ = ["OpenMolmoLM"]

_LOG = logging.getLogger(__name__)
_BATCH_SIZE = 16
_MAX_NEW_TOKENS = 256  # where a task says nothing, as in the harness


@register_model("openmolmo")
class OpenMolmoLM(TemplateLM):  # type: ignore[misc]
    """``pretrained``: any model that ``openmolmo.load`` takes. Decoding is greedy."""

    def __init__(
        self,
        pretrained: str = "nano",
        *,
        device: str | None = None,
        dtype: str | None = None,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
    ) -> None:
        super().__init__()
        said = str(batch_size or "")  # may be "auto"
        size = int(said) if said.isdigit() else _BATCH_SIZE
        self.pretrained = pretrained
        self.text = TextModel(load(pretrained, device=device, dtype=dtype, batch_size=size))
        self._device = self.text.predictor.model.device

    # ------------------------------------------------------------------------------- tokens and templates

    @property
    def eot_token_id(self) -> int:
        """The token that ends a reply."""
        return self.text.tokenizer.special.eos

    @property
    def prefix_token_id(self) -> int:
        """The token that begins every text."""
        return self.text.tokenizer.special.bos

    @property
    def tokenizer_name(self) -> str:
        """What tells cached requests of this model's template from others."""
        return f"openmolmo-{self.pretrained}".replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Tokens; the one that begins every text is added when they are read."""
        return self.text.encode(string)

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """There is one template, which is code."""
        if isinstance(chat_template, str):
            raise ConfigError(f"there is no chat template {chat_template!r}", fix="ask for the template without a name")
        return ""

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The conversation in the markup of training."""
        return self.text.conversation(chat_history, answer=add_generation_prompt)

    # ------------------------------------------------------------------------------- what the harness asks

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[tuple[str, str], list[int], list[int]]], **_: Any
    ) -> list[tuple[float, bool]]:
        found = self.text.log_likelihoods([(before, after) for _, before, after in requests])
        for (words, _before, _after), score in zip(requests, found, strict=True):
            self.cache_hook.add_partial("loglikelihood", words, score)
        self._tell_cut()
        return found

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Log-likelihoods of whole texts, in windows as long as the context."""
        totals = []
        for request in requests:
            (text,) = request.args
            windows = get_rolling_token_windows(
                self.text.encode(text), self.prefix_token_id, self.text.context - 1, context_len=1
            )
            pairs = [make_disjoint_window(window) for window in windows]
            totals.append(sum(score for score, _ in self.text.log_likelihoods(pairs)))
            self.cache_hook.add_partial("loglikelihood_rolling", (text,), totals[-1])
        return totals

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Greedy continuations up to the first of the task's stop texts."""
        replies = self.text.continued([self._wanted(*request.args) for request in requests])
        for request, reply in zip(requests, replies, strict=True):
            self.cache_hook.add_partial("generate_until", request.args, reply)
        self._tell_cut()
        return replies

    def _wanted(self, context: str, settings: dict[str, Any]) -> Wanted:
        if settings.get("do_sample") and settings.get("temperature"):
            raise ConfigError(
                f"the task draws replies (temperature={settings['temperature']}), decoding is greedy here",
                fix="--gen_kwargs do_sample=False",
            )
        until = settings.get("until") or ()
        stop = (until,) if isinstance(until, str) else tuple(until)
        most = int(settings.get("max_gen_toks") or settings.get("max_new_tokens") or _MAX_NEW_TOKENS)
        # The space at the end of a template is the first character of the reply.
        ids = self.text.encode(context.removesuffix(" "))
        return Wanted(ids=ids, max_new_tokens=most, stop=tuple(text for text in stop if text))

    def _tell_cut(self) -> None:
        if self.text.cut:
            _LOG.warning(
                "%d texts are longer than the context of %d tokens and lost their beginning",
                self.text.cut,
                self.text.context,
            )
            self.text.cut = 0
