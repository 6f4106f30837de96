"""The processor that the library's Auto classes and pipelines use.

    openmolmo.register()
    processor = AutoProcessor.from_pretrained("model/")
    inputs = processor.apply_chat_template(messages, tokenize=True, return_dict=True)
    replies = processor.batch_decode(model.generate(**inputs, max_new_tokens=64)[:, inputs["input_ids"].shape[1]:])

It is a thin coat around :class:`~openmolmo.prompting.processor.Processor`, which does the work everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import tokenizers
import torch
from transformers import AutoProcessor, BatchFeature, PreTrainedTokenizerFast, ProcessorMixin

from openmolmo.core.errors import PromptError
from openmolmo.core.files import write_text
from openmolmo.inference.batch import left_padded
from openmolmo.inference.hf.messages import picture, read_conversation, stored_template
from openmolmo.model import MolmoConfig
from openmolmo.model.auto import register_model
from openmolmo.prompting.formatter import Turn
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.sequence import Tokens

__all__ = ["MolmoProcessor", "register"]

_FILES = ("config.json", "processor_config.json", "preprocessor_config.json", "tokenizer*", "special_tokens_map.json")


def register() -> None:
    """Make ``AutoConfig``, ``AutoModelForImageTextToText`` and ``AutoProcessor`` know Molmo.

    Called once, before the library's ``from_pretrained`` or ``pipeline``; doing it again changes nothing.
    """
    register_model()
    AutoProcessor.register(MolmoConfig, MolmoProcessor, exist_ok=True)


class MolmoProcessor(ProcessorMixin):  # type: ignore[misc]
    """Texts, chats and pictures -> the keyword arguments of ``Molmo.generate``, and ids -> text.

    Batches are padded on the left. ``core`` is the processor of training, inference and evaluation.
    """

    def __init__(self, core: Processor) -> None:
        super().__init__(chat_template=stored_template(core.format, core.tokenizer))
        self.core = core
        #: The library's form of the tokenizer, for its stop strings and streamers.
        self.tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=tokenizers.Tokenizer.from_str(core.tokenizer.to_json()), **core.tokenizer.names
        )

    @property
    def model_input_names(self) -> list[str]:
        """What :meth:`__call__` gives for a picture and a text."""
        return ["input_ids", "attention_mask", "position_ids", "crops", "patch_mask", "pooled_patches"]

    def __call__(
        self,
        images: Any = None,
        text: str | Sequence[str] | None = None,
        return_tensors: str | None = "pt",
        **ignored: Any,
    ) -> BatchFeature:
        """Texts as they are (see :meth:`apply_chat_template` for questions), with pictures.

        ``text``: one or several, in which ``<|image|>`` stands for a picture; without it pictures come first.
        ``images``: those of the one text, or a list a text (or one picture a text).

        Raises:
            PromptError: texts, pictures and ``<|image|>`` differ in number.
        """
        if text is None:
            raise PromptError("there is no text", fix="give text=, or messages to apply_chat_template")
        texts = [text] if isinstance(text, str) else list(text)
        return self._batch([self._raw(*pair) for pair in zip(texts, _by_text(images, texts), strict=True)])

    def apply_chat_template(
        self,
        conversation: Sequence[Any],
        chat_template: str | None = None,
        tokenize: bool = False,
        return_dict: bool = False,
        continue_final_message: bool = False,
        style: str | None = None,
        length_hint: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """A conversation (or a list of them) as text, or with ``tokenize`` as inputs of the model.

        Tokenised, everything that people wrote is plain text: a special token's name in it means nothing.
        ``continue_final_message``: the last message is the beginning of the reply. ``style`` and ``length_hint`` word
        and tag the last question as :meth:`Processor.prompt` does; they need ``tokenize``.
        """
        if (style is not None or length_hint is not None) and (not tokenize or chat_template is not None):
            raise PromptError(
                f"style={style!r} and length_hint={length_hint} are nothing that a chat template writes",
                fix="give tokenize=True, without a template of your own",
            )
        if not tokenize or chat_template is not None:
            return super().apply_chat_template(
                conversation,
                chat_template=chat_template,
                tokenize=tokenize,
                return_dict=return_dict,
                continue_final_message=continue_final_message,
                **kwargs,
            )
        several = not isinstance(conversation[0], Mapping)
        chats = conversation if several else [conversation]
        tagged: dict[str, Any] = {"style": style, "length_hint": length_hint}
        made = self._batch([self._chat(getattr(c, "messages", c), continue_final_message, **tagged) for c in chats])
        return made if return_dict else made["input_ids"]

    def _chat(self, messages: Sequence[Mapping[str, Any]], go_on: bool, **tagged: Any) -> Tokens:
        chat = read_conversation(messages)
        texts, images = list(chat.texts), list(chat.images)
        if not go_on:
            return self.core.prompt(texts, images, **tagged)
        if len(texts) % 2:
            raise PromptError("the last message is the user's, so no reply has begun", fix="end with the assistant's")
        return _longer(self.core.prompt(texts[:-1], images, **tagged), self.core.tokenizer.encode(f" {texts[-1]}"))

    def _raw(self, text: str, images: Sequence[Any]) -> Tokens:
        core = self.core
        names, turns = core.tokenizer.names, list[Turn]()
        text = text.removeprefix(names.get("bos_token", names["eos_token"]))  # every prompt begins with it anyway
        for piece in text.split(names["eos_token"]):  # it ends the replies before the last
            turns += [Turn("assistant", ""), Turn("user", piece)] if turns else [Turn("user", piece)]
        return core.prompt_turns(turns, [picture(source) for source in images])

    def _batch(self, prompts: Sequence[Tokens]) -> BatchFeature:
        inputs = left_padded(prompts, torch.device("cpu"))
        inputs["input_ids"].masked_fill_(inputs["attention_mask"] == 0, self.core.tokenizer.special.eos)
        return BatchFeature(inputs)

    # ------------------------------------------------------------------------------------ ids -> text

    def decode(self, token_ids: Any, skip_special_tokens: bool = True, **ignored: Any) -> Any:
        """Text of one sequence of ids, or texts of several."""
        ids = token_ids.tolist() if hasattr(token_ids, "tolist") else list(token_ids)
        if ids and not isinstance(ids[0], int):
            return [self.decode(row, skip_special_tokens) for row in ids]
        return self.core.tokenizer.decode(ids, keep_specials=not skip_special_tokens)

    def batch_decode(self, token_ids: Any, skip_special_tokens: bool = True, **ignored: Any) -> list[str]:
        """Texts of several sequences of ids."""
        return [self.decode(row, skip_special_tokens) for row in token_ids]

    def post_process_image_text_to_text(
        self, generated_outputs: Any, skip_special_tokens: bool = True, **ignored: Any
    ) -> list[str]:
        """Texts of what ``generate`` gave, prompts included: what pipelines call."""
        return self.batch_decode(generated_outputs, skip_special_tokens)

    # ------------------------------------------------------------------------------------ files

    def save_pretrained(self, save_directory: str | Path, **ignored: Any) -> list[str]:
        """Write tokenizer, settings and ``chat_template.jinja`` into a folder."""
        folder = Path(save_directory)
        self.core.save_pretrained(folder)
        write_text(folder / "chat_template.jinja", self.chat_template)
        return [str(path) for path in folder.iterdir()]

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> MolmoProcessor:
        """The processor of a model folder or hub repository.

        Raises:
            CheckpointError: its files are missing or cannot be read.
        """
        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            hub: dict[str, Any] = {key: kwargs.get(key) for key in ("revision", "token", "cache_dir")}
            hub["local_files_only"] = bool(kwargs.get("local_files_only"))
            name = str(pretrained_model_name_or_path)
            folder = Path(huggingface_hub.snapshot_download(name, allow_patterns=list(_FILES), **hub))
        return cls(Processor.from_pretrained(folder))


def _by_text(images: Any, texts: Sequence[str]) -> list[list[Any]]:
    """The pictures of each text."""
    if images is None:
        return [[] for _ in texts]
    given = list(images) if isinstance(images, (list, tuple)) else [images]
    if given and all(isinstance(part, (list, tuple)) for part in given):
        nested = [list(part) for part in given]
    elif len(texts) == 1:
        nested = [given]
    else:
        nested = [[one] for one in given]
    if len(nested) != len(texts):
        raise PromptError(
            f"there are {len(texts)} texts and pictures for {len(nested)}", fix="give a list of pictures a text"
        )
    return nested


def _longer(tokens: Tokens, ids: Sequence[int]) -> Tokens:
    """A prompt with a begun reply behind it."""
    count = len(ids)
    after = np.arange(count) + tokens.position_ids[-1] + 1
    return dataclasses.replace(
        tokens,
        input_ids=np.concatenate([tokens.input_ids, ids]).astype(np.int64),
        position_ids=np.concatenate([tokens.position_ids, after]).astype(np.int64),
        branch_ids=np.concatenate([tokens.branch_ids, np.full(count, tokens.branch_ids[-1])]),
        labels=np.concatenate([tokens.labels, np.zeros(count, np.int64)]),
        loss_weights=np.concatenate([tokens.loss_weights, np.zeros(count, np.float32)]),
    )
