"""The tokenizer that vLLM gets: conversations become the ids of training, whatever people write in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from openmolmo.core.errors import OpenMolmoError
from openmolmo.inference.hf.messages import chat_template
from openmolmo.prompting.processor import Processor
from openmolmo.serving.vllm.prompts import chat_ids, processor_of

__all__ = ["ServedTokenizer"]

_KNOWN = "{%- set known = [style, length_hint] -%}"
"""Names what a request may set by ``chat_template_kwargs``: vLLM passes on what the template mentions."""


class ServedTokenizer(PreTrainedTokenizerFast):  # type: ignore[misc]
    """The model's own vocabulary; BOS goes in front of prompts, and conversations are encoded piece by piece.

    A template makes one text of a conversation, in which ``<im_patch>`` written by a person would become the token.
    So the template (kept for those who ask for it) is not what makes the ids.
    """

    def __init__(self, core: Processor, **kwargs: Any) -> None:
        own = tokenizers.Tokenizer.from_str(core.tokenizer.to_json())
        bos = core.tokenizer.names.get("bos_token", core.tokenizer.names["eos_token"])
        own.post_processor = TemplateProcessing(
            single=[bos, "$A"], pair=[bos, "$A", "$B"], special_tokens=[(bos, core.tokenizer.special.bos)]
        )
        super().__init__(tokenizer_object=own, **core.tokenizer.names, **kwargs)
        self.core = core
        self.chat_template = _KNOWN + "{{ '" + bos + "' }}" + chat_template(core.format)

    @classmethod
    def from_pretrained(
        cls,
        path_or_repo_id: str | Path,
        *args: Any,
        trust_remote_code: bool = False,
        revision: str | None = None,
        download_dir: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """What vLLM calls; no code of a folder is run, whatever ``trust_remote_code`` says."""
        from vllm.tokenizers.hf import get_cached_tokenizer

        side = {"truncation_side": kwargs["truncation_side"]} if "truncation_side" in kwargs else {}
        made = cls(processor_of(str(path_or_repo_id), revision), **side)
        made.name_or_path = str(path_or_repo_id)
        return get_cached_tokenizer(made)

    def apply_chat_template(
        self,
        conversation: Sequence[Mapping[str, Any]],
        tools: Any = None,
        chat_template: str | None = None,
        tokenize: bool = True,
        continue_final_message: bool = False,
        style: str | None = None,
        length_hint: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Ids of a conversation, also where a text was asked for; see :func:`chat_ids`.

        With a template other than the model's own, what that makes.

        Raises:
            ValueError: the conversation cannot be put to the model; vLLM tells its clients the message.
        """
        if chat_template not in (None, self.chat_template):
            return super().apply_chat_template(
                conversation,
                tools=tools,
                chat_template=chat_template,
                tokenize=tokenize,
                continue_final_message=continue_final_message,
                **kwargs,
            )
        try:
            return chat_ids(self.core, conversation, style=style, length_hint=length_hint, go_on=continue_final_message)
        except OpenMolmoError as error:
            raise ValueError(str(error)) from error
