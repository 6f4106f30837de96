"""Conversations in the library's form, as texts and pictures.

    [{"role": "user", "content": [{"type": "image", "image": "cup.png"}, {"type": "text", "text": "What is this?"}]}]

A picture is named by ``image``, ``url``, ``path`` or ``base64``. Pictures that all stand in front of the
first text go to the start of the prompt, which is how released models were trained; otherwise each goes
where it stands. The template at the end writes the same prompt as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

from openmolmo.core.errors import ImageError, PromptError
from openmolmo.pictures.addresses import from_address, from_base64
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.prompting.tokenizer import IMAGE_PLACE, TextTokenizer

__all__ = ["Conversation", "chat_template", "picture", "read_conversation", "stored_template"]

_PATIENCE = 30.0  # seconds without a byte
_MOST_BYTES = 256 * 2**20
_PICTURE_KEYS = ("image", "url", "path", "base64")


@dataclass(frozen=True)
class Conversation:
    """Texts of user and assistant in turn, user first; pictures in order."""

    texts: tuple[str, ...]
    images: tuple[Any, ...]


def read_conversation(messages: Sequence[Mapping[str, Any]]) -> Conversation:
    """Messages of ``role`` and ``content`` (a text, or parts of type ``text`` and ``image``).

    Raises:
        PromptError: roles do not take turns, or a part is neither text nor picture.
        ImageError: a picture is not named, or its base64 text is none.
    """
    texts: list[str] = []
    images: list[Any] = []
    leading = 0
    for place, message in enumerate(messages, start=1):
        expected = "user" if place % 2 else "assistant"
        if message.get("role") != expected:
            raise PromptError(
                f"message {place} has role {message.get('role')!r}, expected {expected!r}",
                fix="messages are user and assistant in turn, the user's first; put instructions into its text",
            )
        text = ""
        for kind, value in _parts(message.get("content"), place):
            if kind == "text":
                text += value
            elif expected == "assistant":
                raise PromptError(f"message {place} is the assistant's and holds a picture", fix="leave it out")
            else:
                images.append(value)
                if place == 1 and not text:
                    leading += 1
                else:
                    text += IMAGE_PLACE
        texts.append(text)
    if not texts:
        raise PromptError("there is no message to answer", fix="give a question")
    if leading < len(images):
        texts[0] = IMAGE_PLACE * leading + texts[0]
    return Conversation(tuple(texts), tuple(images))


def _parts(content: Any, place: int) -> Iterator[tuple[str, Any]]:
    """("text", a text) or ("image", something that can be opened) in order."""
    if isinstance(content, str):
        yield "text", content
        return
    for part in content or ():
        kind = part.get("type")
        if kind == "text":
            yield "text", part["text"]
        elif kind == "image":
            yield "image", _named(part, place)
        elif kind == "image_url":
            url = part["image_url"]
            yield "image", picture(url["url"] if isinstance(url, Mapping) else url)
        else:
            raise PromptError(f"message {place} has a part of type {kind!r}; known here: text, image, image_url")


def _named(part: Mapping[str, Any], place: int) -> Any:
    for key in _PICTURE_KEYS:
        if part.get(key) is not None:
            return from_base64(part[key]) if key == "base64" else picture(part[key])
    raise ImageError(
        f"message {place} has an image without a picture",
        kind="missing",
        fix=f"give one of {', '.join(_PICTURE_KEYS)}",
    )


def picture(source: Any) -> Any:
    """Something that can be opened: web addresses are fetched, ``data:`` ones decoded, ``file:`` ones become paths."""
    if not isinstance(source, str):
        return source
    if source.startswith(("http://", "https://")):
        return _fetched(source)
    return from_address(source)


def _fetched(url: str) -> bytes:
    try:
        with urlopen(url, timeout=_PATIENCE) as answer:
            body: bytes = answer.read(_MOST_BYTES + 1)
    except (OSError, ValueError, HTTPException) as error:
        raise ImageError(f"{url} cannot be fetched: {error}", kind="missing", fix="check the address") from error
    if len(body) > _MOST_BYTES:
        raise ImageError(f"{url} gives more than {_MOST_BYTES} bytes", kind="too_large", fix="fetch it yourself")
    return body


def chat_template(settings: FormatConfig) -> str:
    """The template that writes a conversation as text, in this model's message format."""
    before, after = ("User: ", " Assistant:") if settings.message_format == "role" else ("", "")
    space = "' '" if settings.always_start_with_space else "''"
    return _TEMPLATE.replace("BEFORE", before).replace("AFTER", after).replace("SPACE", space)


def stored_template(settings: FormatConfig, tokenizer: TextTokenizer) -> str:
    """What ``chat_template.jinja`` holds: the whole prompt, the token that begins it included.

    The names of the tokens that begin a prompt and end a reply are written out, for not every program gives them to
    a template.
    """
    names = tokenizer.names
    begin, end = json.dumps(names.get("bos_token", names["eos_token"])), json.dumps(names["eos_token"])
    return f"{{{{- {begin} -}}}}" + chat_template(settings).replace("{{ eos_token }}", f"{{{{ {end} }}}}")


# Pictures in front of everything: at the start of the prompt. As soon as one stands elsewhere: each in its place.
_TEMPLATE = """\
{%- set seen = namespace(text=false, inline=false, leading='') -%}
{%- for message in messages -%}
{%- if message.content is string -%}{%- set seen.text = true -%}
{%- else -%}{%- for part in message.content -%}
{%- if part.type == 'text' -%}{%- set seen.text = true -%}
{%- elif seen.text -%}{%- set seen.inline = true -%}
{%- else -%}{%- set seen.leading = seen.leading ~ '<|image|>' -%}{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- endfor -%}
{%- if not seen.inline -%}{{ seen.leading }}{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'user' -%}{{ SPACE if loop.first else ' ' }}{{ 'BEFORE' }}{%- else -%}{{ ' ' }}{%- endif -%}
{%- if message.content is string -%}{{ message.content }}
{%- else -%}{%- for part in message.content -%}
{%- if part.type == 'text' -%}{{ part.text }}{%- elif seen.inline -%}{{ '<|image|>' }}{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- if message.role == 'user' -%}{{ 'AFTER' }}{%- elif not loop.last -%}{{ eos_token }}{%- endif -%}
{%- endfor -%}"""
