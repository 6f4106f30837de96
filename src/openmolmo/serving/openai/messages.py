"""From messages in OpenAI's form to a question: its words, what was said before, its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from openmolmo.prompting.tokenizer import IMAGE_PLACE
from openmolmo.records.names import is_whole
from openmolmo.serving.openai.failures import APIError, invalid
from openmolmo.serving.openai.schemas import Message, Part
from openmolmo.serving.openai.settings import ServeSettings

__all__ = ["Asked", "check_text", "read_messages"]

_INSTRUCTING = ("system", "developer")
_TEXT = ("text", "input_text", "output_text")
_IMAGE = ("image_url", "input_image")
_DETAILS = (None, "auto", "low", "high", "original")


@dataclass(slots=True)
class Asked:
    """Texts of user and assistant in turn, the user's first and last; ``begun``: the beginning of the reply.

    ``addresses`` are those of the pictures; ``details``, how closely each is to be looked at.
    """

    texts: list[str] = field(default_factory=list)
    begun: str = ""
    addresses: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Turn:
    """What one side said until the other spoke: texts, and None where a picture stands."""

    role: str
    said: list[str | None] = field(default_factory=list)


def read_messages(messages: Sequence[Message], settings: ServeSettings, *, continuing: bool = False) -> Asked:
    """A question from messages. Raises APIError.

    The models know no role of the system: instructions stand before the user's next words. Messages of one side
    in a row are one. Pictures before the first word go to the start of the prompt, as in training; as soon as one
    stands elsewhere, each stands in its place.
    """
    parts = sum(1 if isinstance(one.content, str) else len(one.content or ()) for one in messages)
    if len(messages) + parts > settings.max_parts:
        raise invalid(f"the request has more than {settings.max_parts} messages and parts", "messages")
    asked = Asked()
    turns = _turns(messages, asked)
    if turns and turns[-1].role == "assistant":
        if not continuing:
            raise invalid(
                "the last message is the assistant's; ask something, or set continue_final_message", "messages"
            )
        asked.begun = "".join(one or "" for one in turns.pop().said)
    elif continuing:
        raise invalid("continue_final_message needs a last message of the assistant", "continue_final_message")
    if not turns:
        raise invalid("there is no message to answer", "messages")
    asked.texts = _texts(turns)
    check_text((*asked.texts, asked.begun), settings)
    return asked


def check_text(texts: Sequence[str], settings: ServeSettings, param: str = "messages") -> None:
    """Refuse half a character, and more characters than are read."""
    length = sum(map(len, texts))
    if length > settings.max_text:
        raise APIError(413, f"the texts have {length} characters, the limit is {settings.max_text}", param=param)
    if not all(map(is_whole, texts)):
        raise APIError(422, "half a character stands in a text: was it cut in the middle?", param=param)


def _turns(messages: Sequence[Message], asked: Asked) -> list[_Turn]:
    turns: list[_Turn] = []
    instructions: list[str] = []
    for place, message in enumerate(messages):
        where = f"messages.{place}"
        if message.role in _INSTRUCTING:
            instructions += [text for text in _said(message, where, None) if text]
            continue
        if message.role not in ("user", "assistant"):
            raise invalid(
                f"role {message.role[:32]!r} is not known here; known: system, developer, user, assistant",
                f"{where}.role",
                "unknown_role",
            )
        if message.tool_calls:
            raise invalid("this model calls no tools", f"{where}.tool_calls", "unsupported_value")
        if not turns and message.role == "assistant":
            raise invalid("the first message must be the user's", where)
        said = list(_said(message, where, asked if message.role == "user" else None))
        if not turns or turns[-1].role != message.role:
            turns.append(_Turn(message.role))
        elif said and turns[-1].said:
            turns[-1].said.append("\n")
        if instructions and message.role == "user":
            first = next((i for i, one in enumerate(said) if one is not None), len(said))
            said.insert(first, "\n".join(instructions) + "\n")
            instructions = []
        turns[-1].said += said
    if instructions:
        if not turns:
            raise invalid("there is no user's message to answer", "messages")
        if turns[-1].role == "assistant":
            turns.append(_Turn("user"))
        turns[-1].said.append("\n".join(("", *instructions)) if turns[-1].said else "\n".join(instructions))
    return turns


def _said(message: Message, where: str, asked: Asked | None) -> Iterator[str | None]:
    """Texts and places of pictures of one message; ``asked`` takes the pictures, None: there may be none."""
    if isinstance(message.content, str):
        yield _plain(message.content, where)
        return
    if message.content is None:
        raise invalid("the message has no content", where)
    for place, part in enumerate(message.content):
        at = f"{where}.content.{place}"
        if part.type in _TEXT:
            yield _plain(part.text or "", at)
        elif part.type == "refusal":
            yield _plain(part.refusal or "", at)
        elif part.type in _IMAGE:
            if asked is None:
                raise invalid("only the user's messages can hold pictures", at)
            address, detail = _image(part, at)
            asked.addresses.append(address)
            asked.details.append(detail)
            yield None
        else:
            raise invalid(f"a part of type {part.type[:32]!r} is not known here; known: text, image_url", f"{at}.type")


def _plain(text: str, where: str) -> str:
    if IMAGE_PLACE in text:
        raise invalid(f"the text holds {IMAGE_PLACE}, the sign of a picture's place: send the picture as a part", where)
    return text


def _image(part: Part, where: str) -> tuple[str, str]:
    image = part.image_url
    if image is None:
        no_files = "; files are not kept here, send the picture itself" if part.file_id else ""
        raise invalid(f"the part has no image_url{no_files}", where)
    address, detail = (image, part.detail) if isinstance(image, str) else (image.url, image.detail or part.detail)
    if detail not in _DETAILS:
        raise invalid("detail must be auto, low, high or original", f"{where}.image_url.detail")
    return address, detail or "auto"


def _texts(turns: Sequence[_Turn]) -> list[str]:
    """Texts of the turns, with the places of pictures where not all of them lead."""
    first = turns[0].said
    leading = next((i for i, one in enumerate(first) if one is not None), len(first))
    all_leading = leading == sum(one is None for turn in turns for one in turn.said)
    place = "" if all_leading else IMAGE_PLACE
    return ["".join(place if one is None else one for one in turn.said) for turn in turns]
