"""The text tokenizer: a folder with ``tokenizer.json`` in the Hugging Face layout.

Five special tokens follow the base vocabulary, in this order (released models of arXiv 2409.17146):
``<im_start> <im_end> <im_patch> <im_col> <|image|>``. A tokenizer without BOS uses its EOS for it.
This module needs the ``tokenizers`` library only, so that loader workers start quickly; the saved
folder also loads with ``transformers.AutoTokenizer``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers

from openmolmo.core.errors import CheckpointError
from openmolmo.core.files import write_json, write_text
from openmolmo.words.other_forms import COORDINATE_TOKENS

__all__ = [
    "EOS_TOKEN",
    "IMAGE_PLACE",
    "SPECIAL_TOKENS",
    "SpecialIds",
    "TextTokenizer",
    "add_coordinate_tokens",
    "add_special_tokens",
    "train_bpe",
]

EOS_TOKEN = "<|endoftext|>"
IMAGE_PLACE = "<|image|>"
SPECIAL_TOKENS = ("<im_start>", "<im_end>", "<im_patch>", "<im_col>", IMAGE_PLACE)
_FILLER = "|<EXTRA_TOKENS_{}>|"  # the released models' name for rows between vocabulary and table size

# The fixed text between coordinates (' <points x1="', '" y1="', '" alt="', '">', '</points>') may become one
# token each: a point then costs ten tokens instead of sixteen. Otherwise: words with their leading space;
# digits one by one, so that coordinates are read digit by digit; runs of signs; white space, its last
# character left to the word that follows.
_PIECES = (
    r'(?: <points?|")? (?:[xy]\d{0,2}|alt)="|">|</points?>'
    r"|(?i:'(?:s|t|m|d|re|ve|ll))| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True)
class SpecialIds:
    """Ids of the special tokens; ``bos`` is the EOS where the tokenizer has no BOS."""

    bos: int
    eos: int
    im_start: int
    im_end: int
    im_patch: int
    im_col: int
    image: int


class TextTokenizer:
    """Text to ids and back. ``special`` holds the ids that stand for more than text.

    ``encode`` takes every string as plain text: a question that holds ``<im_patch>`` gets ordinary
    tokens, never the special one. ``encode_with_specials`` recognises them, as the library does.
    """

    def __init__(
        self, tokenizer: tokenizers.Tokenizer, *, eos: str = EOS_TOKEN, bos: str | None = None, where: str = "tokenizer"
    ) -> None:
        self._eos, self._bos = eos, bos
        # Two copies, because how special tokens are treated is a state of the tokenizer.
        self._with_specials = tokenizers.Tokenizer.from_str(tokenizer.to_str())
        self._plain = tokenizers.Tokenizer.from_str(tokenizer.to_str())
        self._plain.encode_special_tokens = True
        names = dict(zip(("im_start", "im_end", "im_patch", "im_col", "image"), SPECIAL_TOKENS, strict=True))
        names |= {"eos": eos, "bos": bos or eos}
        found = {field: tokenizer.token_to_id(token) for field, token in names.items()}
        ids = {field: place for field, place in found.items() if place is not None}
        missing = sorted({names[field] for field in found if field not in ids})
        if missing:
            raise CheckpointError(
                f"{where} lacks the special token{'s'[: len(missing) > 1]} {', '.join(missing)}; it has "
                f"{tokenizer.get_vocab_size()} tokens",
                fix="add them with openmolmo.prompting.add_special_tokens, or point to the model's own tokenizer",
            )
        self.special = SpecialIds(**ids)
        self.size = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values())

    # ------------------------------------------------------------------------------- text <-> ids

    def encode(self, text: str) -> list[int]:
        """Ids of a plain text; nothing in it is taken for a special token, nothing is added."""
        ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        return ids

    def encode_with_specials(self, text: str) -> list[int]:
        """Ids of a text in which special tokens are meant (trusted text only)."""
        ids: list[int] = self._with_specials.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Iterable[int], *, keep_specials: bool = False) -> str:
        """Text of ids; special tokens and ids outside the vocabulary are left out unless ``keep_specials``."""
        known = [int(i) for i in ids if 0 <= i < self.size]
        text: str = self._with_specials.decode(known, skip_special_tokens=not keep_specials)
        return text

    def __len__(self) -> int:
        return self.size

    @property
    def vocabulary(self) -> dict[str, int]:
        """Every token as the file writes it (bytes as letters) -> its id; special ones too."""
        vocabulary: dict[str, int] = self._plain.get_vocab(with_added_tokens=True)
        return vocabulary

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (self._with_specials.to_str(), self._eos, self._bos))

    # ------------------------------------------------------------------------------- files

    @property
    def names(self) -> dict[str, str]:
        """What the tokens that end, begin and pad a text are called; BOS only where there is one."""
        return {"eos_token": self._eos, "pad_token": self._eos} | ({"bos_token": self._bos} if self._bos else {})

    def to_json(self) -> str:
        """The text of ``tokenizer.json``."""
        text: str = self._with_specials.to_str(pretty=True)
        return text

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, vocab_size: int | None = None) -> TextTokenizer:
        """Read ``tokenizer.json`` (and BOS/EOS from ``tokenizer_config.json``); raises CheckpointError.

        ``vocab_size``: add the special tokens after so many tokens, for a tokenizer that may lack them.
        """
        folder = Path(folder)
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise CheckpointError(
                f"{folder} has no tokenizer.json", fix="point to a model folder, or save the tokenizer there first"
            )
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:
            raise CheckpointError(f"{path} cannot be read: {error}", fix="restore the file from its source") from error
        if vocab_size is not None:
            tokenizer = add_special_tokens(tokenizer, vocab_size)
        names: dict[str, Any] = {}
        for name in ("special_tokens_map.json", "tokenizer_config.json"):
            if (folder / name).is_file():
                names |= _read_names(folder / name)
        eos = _token(names.get("eos_token")) or EOS_TOKEN
        return cls(tokenizer, eos=eos, bos=_token(names.get("bos_token")), where=str(path))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``tokenizer.json`` and ``tokenizer_config.json`` into ``folder``, each atomically."""
        folder = Path(folder)
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **self.names,
            "clean_up_tokenization_spaces": False,
            "additional_special_tokens": list(SPECIAL_TOKENS),
        }
        write_text(folder / "tokenizer.json", self.to_json())
        write_json(folder / "tokenizer_config.json", config)


def _rebuild(text: str, eos: str, bos: str | None) -> TextTokenizer:
    return TextTokenizer(tokenizers.Tokenizer.from_str(text), eos=eos, bos=bos)


def _read_names(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}", fix="restore the file from its source") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} must hold an object, it holds a {type(content).__name__}")
    return {key: content[key] for key in ("eos_token", "bos_token") if content.get(key)}


def _token(value: Any) -> str | None:
    """Token names are strings or objects with ``content``, depending on the library's version."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else None


# ------------------------------------------------------------------------------------ making one


def add_special_tokens(tokenizer: tokenizers.Tokenizer, vocab_size: int | None = None) -> tokenizers.Tokenizer:
    """A copy with the five special tokens at ids ``vocab_size`` .. ``vocab_size + 4``.

    ``vocab_size`` is the base table's size (default: the number of tokens there are); a gap is filled
    with unused tokens. Raises CheckpointError when the tokenizer is larger than that, or has some of
    the special tokens elsewhere.
    """
    copy = tokenizers.Tokenizer.from_str(tokenizer.to_str())
    there = copy.get_vocab_size()
    base = there if vocab_size is None else vocab_size
    present = {token: copy.token_to_id(token) for token in SPECIAL_TOKENS if copy.token_to_id(token) is not None}
    wanted = {token: base + i for i, token in enumerate(SPECIAL_TOKENS)}
    if present:
        if present == wanted:
            return copy
        raise CheckpointError(f"the tokenizer has special tokens at {present}, they belong at {wanted}")
    if there > base:
        raise CheckpointError(
            f"the tokenizer has {there} tokens, more than the vocabulary of {base} that special tokens should follow"
        )
    filler = [_FILLER.format(i) for i in range(base - there)]
    copy.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in (*filler, *SPECIAL_TOKENS)])
    assert {token: copy.token_to_id(token) for token in SPECIAL_TOKENS} == wanted
    return copy


def add_coordinate_tokens(tokenizer: TextTokenizer) -> TextTokenizer:
    """A copy with a token for each whole percent (``FormatConfig.point_form="tokens"``) at the end of its vocabulary.

    The special tokens move behind them, so a model must be made for it anew; it also writes them.
    """
    content = json.loads(tokenizer.to_json())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] not in SPECIAL_TOKENS]
    base = tokenizers.Tokenizer.from_str(json.dumps(content))
    base.add_tokens([AddedToken(token, special=False, normalized=False) for token in COORDINATE_TOKENS])
    names = tokenizer.names
    return TextTokenizer(add_special_tokens(base), eos=names["eos_token"], bos=names.get("bos_token"))


def train_bpe(texts: Iterable[str], vocab_size: int = 4096, *, min_frequency: int = 2) -> TextTokenizer:
    """Train a byte-level BPE of ``vocab_size`` tokens, ``<|endoftext|>`` the last; special tokens follow it.

    Digits are never merged. Every string can be encoded and decoded exactly. With little text there
    are fewer merges; the ids up to ``<|endoftext|>`` are then filled with unused tokens.
    """
    if vocab_size < 257:
        raise CheckpointError(f"vocab_size={vocab_size} is too small: 256 bytes and {EOS_TOKEN} need 257")
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        min_frequency=min_frequency,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(_batched(texts), trainer=trainer)
    filler = [_FILLER.format(i) for i in range(vocab_size - 1 - tokenizer.get_vocab_size())]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in (*filler, EOS_TOKEN)])
    return TextTokenizer(add_special_tokens(tokenizer, vocab_size))


def _batched(texts: Iterable[str], size: int = 1000) -> Iterable[Sequence[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
