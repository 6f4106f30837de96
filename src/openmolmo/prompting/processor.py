"""One Processor for training, inference and evaluation: pictures and words in, numbers out.

processor = Processor.from_pretrained("model/")
tokens = processor.train(example, rng, max_length=2304)        # all annotations of one picture
tokens = processor.prompt("Point to cup.", ["kitchen.jpg"], style="pointing")
"""

from __future__ import annotations

import copy
import dataclasses
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import PIL.Image

from openmolmo.core.config import from_dict, to_dict
from openmolmo.core.errors import CheckpointError, ConfigError, DataError, PromptError
from openmolmo.core.files import write_json
from openmolmo.core.rng import derive
from openmolmo.imaging import CROP_POLICIES, CropConfig, Crops, View, cut_crops, keep_crops, make_plan, regions_of
from openmolmo.imaging.keeping import Grids
from openmolmo.imaging.policies import ChoosingModel, CropPolicy
from openmolmo.pictures import open_image
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.prompting.formatter import Branch, Formatter, Turn
from openmolmo.prompting.sequence import Tokens, prompt_sequence, training_parts, training_sequence
from openmolmo.prompting.tokenizer import TextTokenizer
from openmolmo.records.example import Example, ImageRef
from openmolmo.records.names import is_whole

__all__ = ["PROCESSOR_FILE", "ImageSource", "Messages", "Picture", "Processor", "Prompt", "asked_of"]

PROCESSOR_FILE, GENERATION_FILE = "processor_config.json", "generation_config.json"
ImageSource = bytes | str | Path | PIL.Image.Image | np.ndarray[Any, Any] | ImageRef
Messages = str | Sequence[str] | Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture cut into crops, its token grids, and its (width, height) in pixels."""

    size: tuple[int, int]
    grids: Grids
    crops: Crops


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt(Tokens):
    """What the model reads, and the (width, height) in pixels of each picture in it."""

    sizes: tuple[tuple[int, int], ...] = ()


class Processor:
    """Turns examples and questions into :class:`Tokens`, by one set of settings.

    ``resize_mode``: ``exact`` resizes as released weights were trained; ``fast`` is quicker and at
    most 1/255 of the range away. ``choosing``: the model that a crop policy may ask
    (:mod:`openmolmo.imaging.policies`), where there is one.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        crop: CropConfig,
        format: FormatConfig,
        *,
        resize_mode: Literal["exact", "fast"] = "exact",
        choosing: ChoosingModel | None = None,
    ) -> None:
        if crop.policy != "all" and crop.keep is None:
            raise ConfigError(
                f"crop.policy={crop.policy} is to choose crops, and how many is not said",
                fix=f"set crop.keep (keep_crops, --keep-crops) to at most {crop.max_crops}, or crop.policy=all",
            )
        self.tokenizer = tokenizer
        self.crop = crop
        self.format = format
        self.formatter = Formatter(format)
        self.resize_mode = resize_mode
        self.choosing = choosing
        self.choose: CropPolicy | None = None
        """Chooses in place of the policy that ``crop`` names, where it is set."""

    def for_other_processes(self) -> Self:
        """The same without the model that a crop policy may ask, which would be copied into every process.

        Raises ConfigError where crops are chosen by the learned policy, which cannot do without.
        """
        if self.crop.keep is not None and self.crop.policy == "learned":
            raise ConfigError(
                "the crop policy 'learned' looks at pictures through the model, which only this process has",
                fix="open pictures in this process (--workers 0), or choose crops without it (--crop-policy random)",
            )
        other = copy.copy(self)
        other.choosing = None
        return other

    # -------------------------------------------------------------------------------- training

    def train(
        self, example: Example, rng: np.random.Generator, *, max_length: int | None = None, pixels: bool = True
    ) -> Tokens:
        """Every usable annotation of an example as one sequence with labels and loss weights.

        Pictures stand at the start, or where every annotation's text names each by ``<|image|>``, as in prompts.

        Without ``pixels`` only the text is made, with a token for every window of the picture, which is not
        opened where its size is known. Raises PromptError when nothing can be trained on or the image does not
        fit ``max_length``, ImageError when the picture cannot be read.
        """
        branches, grids, crops = self._training_inputs(example, rng, pixels)
        weighting = self.format.loss_weighting
        return training_sequence(
            branches,
            grids,
            crops,
            self.tokenizer,
            weighting=weighting,
            max_length=max_length,
        )

    def train_parts(
        self, example: Example, rng: np.random.Generator, *, max_length: int, pixels: bool = True
    ) -> list[Tokens]:
        """Like :meth:`train`, but an example that is too long becomes several sequences with some of the
        annotations each, and the pictures in all of them."""
        branches, grids, crops = self._training_inputs(example, rng, pixels)
        weighting = self.format.loss_weighting
        return training_parts(
            branches,
            grids,
            crops,
            self.tokenizer,
            weighting=weighting,
            max_length=max_length,
        )

    def _training_inputs(
        self, example: Example, rng: np.random.Generator, pixels: bool
    ) -> tuple[list[Branch], list[Grids], list[Crops] | None]:
        branches = self.formatter.branches(example, rng)
        grids: list[Grids] = []
        crops: list[Crops] = []
        for number, image in enumerate(example.images, start=1):
            if not pixels and image.width and image.height and self.crop.keep is None:
                grids.append(make_plan(image.width, image.height, self.crop).token_grids)
                continue
            file = image.path if image.data is None else None
            name = f"{file} (of example {example.id})" if file else example.id
            if not file and len(example.images) > 1:
                name = f"{example.id}, picture {number}"
            read = self._picture(image, name, self.crop, asked_of(branches), rng)
            grids.append(read.grids)
            crops.append(read.crops)
        return branches, grids, crops if pixels or not grids else None

    # -------------------------------------------------------------------------------- inference

    def prompt(
        self,
        text_or_messages: Messages,
        images: Sequence[ImageSource | Picture] = (),
        *,
        style: str | None = None,
        length_hint: int | None = None,
        max_crops: int | None = None,
    ) -> Prompt:
        """A question or conversation to be continued by the model, with the sizes of its pictures.

        ``text_or_messages``: the question; or the texts of user and assistant in turn; or
        ``{"role": …, "content": …}`` messages; the user's comes first and last. ``images`` go to
        ``<|image|>`` placeholders in the text or, without those, to the start. ``style`` and ``length_hint``
        word and tag the last question as in training (:meth:`Formatter.question`); ``max_crops`` as in
        :meth:`pictures`.
        """
        texts = _texts(text_or_messages)
        if not is_whole("".join((*texts, style or ""))):
            raise PromptError("half a character stands in the text", fix="was it cut, or read in a wrong encoding?")
        if len(texts) % 2 == 0:
            raise PromptError(f"the {len(texts)} messages end with the assistant's", fix="end with a question")
        texts[-1] = self.question(texts[-1], style=style, length_hint=length_hint)
        return self.prompt_turns(self.formatter.turns(texts), images, max_crops=max_crops)

    def question(self, text: str, *, style: str | None = None, length_hint: int | None = None) -> str:
        """A question in the words and with the tag of its style; a length alone asks for a description."""
        if length_hint is not None and style is None:
            style = "long_caption"
        return self.formatter.question(text, style, length_hint)

    def prompt_turns(
        self, turns: Sequence[Turn], images: Sequence[ImageSource | Picture] = (), *, max_crops: int | None = None
    ) -> Prompt:
        """The same for turns that have their markup already."""
        read = self.pictures(images, max_crops, asked_of([turns]))
        tokens = prompt_sequence(turns, [one.grids for one in read], [one.crops for one in read], self.tokenizer)
        values = {field.name: getattr(tokens, field.name) for field in dataclasses.fields(tokens)}
        return Prompt(**values, sizes=tuple(one.size for one in read))

    def pictures(
        self, sources: Sequence[ImageSource | Picture], max_crops: int | None = None, question: str = ""
    ) -> tuple[Picture, ...]:
        """Open and cut pictures, those that are not yet; ``max_crops`` instead of the number of the training.

        Where crops are left out, the policy that chooses them is told the ``question``, as it is tokenised.

        Raises ImageError, which names the picture, where one cannot be read; ConfigError for ``max_crops`` below 1.
        """
        crop = self.crop
        if max_crops is not None:
            keep = None if crop.keep is None else min(crop.keep, max(max_crops, 0))
            crop = crop.replace(max_crops=max_crops, keep=keep, keep_from=None)
        return tuple(
            source if isinstance(source, Picture) else self._picture(source, f"image {place}", crop, question)
            for place, source in enumerate(sources, start=1)
        )

    def _picture(
        self,
        source: ImageSource,
        name: str,
        crop: CropConfig,
        question: str,
        rng: np.random.Generator | None = None,
    ) -> Picture:
        """``rng``: draws of training; without it the picture's own."""
        if isinstance(source, ImageRef):
            source = _bytes_or_path(source, name)
        elif isinstance(source, str | Path):
            name = str(source)
        image = open_image(source, name=name)
        height, width = image.shape[:2]
        plan = make_plan(width, height, crop)
        cut = cut_crops(image, plan, crop, mode=self.resize_mode)
        if crop.keep is None:
            return Picture((width, height), plan.token_grids, cut)
        keep = crop.keep
        if rng is None:
            rng = derive(0, "crops", zlib.crc32(cut.pixels[0].tobytes()))
        elif crop.keep_from is not None:
            keep = int(rng.integers(min(crop.keep_from, plan.n_crops - 1), min(keep, plan.n_crops - 1) + 1))
        if keep >= plan.n_crops - 1:
            return Picture((width, height), plan.token_grids, cut)
        view = View(
            grid=plan.grid,
            keep=keep,
            pixels=cut.pixels[0],
            regions=regions_of(plan, crop),
            question=question,
            rng=rng,
            model=self.choosing,
        )
        policy = self.choose or CROP_POLICIES.get(crop.policy)
        kept = () if keep == 0 else policy(view)
        return Picture((width, height), *keep_crops(cut, plan, _require_budget(kept, view, crop), crop))

    # -------------------------------------------------------------------------------- files

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the tokenizer's files, ``processor_config.json`` and, for the library's ``generate``, which tokens
        end and pad a reply into ``folder``."""
        self.tokenizer.save_pretrained(folder)
        special = self.tokenizer.special
        ids = {"bos_token_id": special.bos, "eos_token_id": special.eos, "pad_token_id": special.eos}
        write_json(Path(folder) / GENERATION_FILE, ids)
        crop = to_dict(self.crop)
        if self.crop.policy == "all":  # as files were before crops could be left out, which older versions read
            crop = {key: value for key, value in crop.items() if key not in ("keep", "policy", "keep_from")}
        settings = {"crop": crop, "format": to_dict(self.format), "resize_mode": self.resize_mode}
        write_json(Path(folder) / PROCESSOR_FILE, settings)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Processor:
        """Read what :meth:`save_pretrained` wrote; unknown or wrong settings are a CheckpointError."""
        path = Path(folder) / PROCESSOR_FILE
        restore = "restore the file from its source"
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise CheckpointError(f"{folder} has no {PROCESSOR_FILE}", fix="point to a saved model's folder") from error
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}", fix=restore) from error
        keys = set(settings) if isinstance(settings, dict) else set()
        if keys != {"crop", "format", "resize_mode"} or settings["resize_mode"] not in ("exact", "fast"):
            raise CheckpointError(f"{path} must hold crop, format and resize_mode (exact or fast)", fix=restore)
        try:
            crop = from_dict(CropConfig, settings["crop"], where="crop.")
            format = from_dict(FormatConfig, settings["format"], where="format.")
        except (ConfigError, AttributeError) as error:
            raise CheckpointError(f"{path}: {error}", fix="was it edited, or written by another version?") from error
        return cls(TextTokenizer.from_pretrained(folder), crop, format, resize_mode=settings["resize_mode"])


def asked_of(branches: Sequence[Sequence[Turn]]) -> str:
    """The last question of a single branch, as it is tokenised; "" for several branches, which share their picture."""
    asked = [turn.text for turn in branches[0] if turn.role == "user"] if len(branches) == 1 else []
    return asked[-1] if asked else ""


def _require_budget(kept: Sequence[int] | np.ndarray[Any, Any], view: View, crop: CropConfig) -> list[int]:
    if len(kept) != view.keep:
        raise ConfigError(
            f"the crop policy {crop.policy!r} kept {len(kept)} crops of {view.n_crops}, it was to keep {view.keep}",
            fix="a policy returns view.keep different numbers below view.n_crops",
        )
    return [int(one) for one in kept]


def _bytes_or_path(reference: ImageRef, name: str) -> bytes | str:
    if reference.data is not None:
        return reference.data
    if reference.path is not None:
        return reference.path
    raise DataError(
        f"the picture of {name!r} is known by its address only ({reference.url})",
        field="image",
        rule="bytes or a local path are needed here",
        fix="download it first",
    )


def _texts(messages: Messages) -> list[str]:
    """Texts in turn, user first; roles are checked where they are named."""
    if isinstance(messages, str):
        return [messages]
    texts: list[str] = []
    for place, message in enumerate(messages):
        expected = "assistant" if place % 2 else "user"
        named = isinstance(message, Mapping) and message.get("role") == expected
        content = message.get("content") if named and isinstance(message, Mapping) else message
        if isinstance(content, str):
            texts.append(content)
        else:
            raise PromptError(
                f"message {place + 1} is {message!r}, expected role {expected!r} and text content",
                fix="messages are user and assistant in turn, the user's first",
            )
    if not texts:
        raise PromptError("there is no message to answer", fix="give a question")
    return texts
