"""Fields of requests, as OpenAI's API and vLLM's extras name them. Fields that are not here are ignored."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Body",
    "ChatRequest",
    "CompletionRequest",
    "Detokenize",
    "ImageURL",
    "Message",
    "OpenMolmoFields",
    "Part",
    "ResponsesRequest",
    "Sampled",
    "StreamOptions",
    "Tokenize",
]


class Body(BaseModel):
    """Base of all: newer fields are ignored, and no number is infinite or none."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class OpenMolmoFields(Body):
    """Our own: what kind of question it is, how long a description, into how many crops a picture is cut."""

    style: str | None = Field(default=None, max_length=64)
    length_hint: int | None = Field(default=None, ge=0, le=500)
    max_crops: int | None = Field(default=None, ge=1)


class StreamOptions(Body):
    """What a stream tells beside the reply."""

    include_usage: bool | None = False


class Sampled(Body):
    """How tokens are chosen, and what of it is refused: see ``choosing``."""

    model: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=-1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, ge=0.01, le=10)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stop: str | list[str] | None = None
    stop_token_ids: list[int] | None = Field(default=None, max_length=64)
    n: int | None = Field(default=None, ge=1)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    user: str | None = None
    openmolmo: OpenMolmoFields = OpenMolmoFields()
    # What cannot be done here, and so is not passed over in silence.
    logit_bias: dict[str, float] | None = None
    min_tokens: int | None = None
    ignore_eos: bool | None = None
    use_beam_search: bool | None = None
    prompt_logprobs: int | None = None
    structured_outputs: Any = None
    guided_json: Any = None
    guided_regex: Any = None
    guided_choice: Any = None
    guided_grammar: Any = None
    response_format: Any = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    functions: list[Any] | None = None
    function_call: Any = None
    audio: Any = None
    modalities: list[str] | None = None


class ImageURL(Body):
    """A picture by its address."""

    url: str
    detail: str | None = None


class Part(Body):
    """One part of a message: its type says which of the other fields is meant."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageURL | str | None = None
    detail: str | None = None
    file_id: str | None = None


class Message(Body):
    """What somebody said."""

    role: str
    content: str | list[Part] | None = None
    tool_calls: list[Any] | None = None


class ChatRequest(Sampled):
    """``/v1/chat/completions``."""

    messages: list[Message]
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool | None = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    continue_final_message: bool | None = False


class CompletionRequest(Sampled):
    """``/v1/completions``: ``prompt`` is a text, several, or the ids of one or several."""

    prompt: str | list[str] | list[int] | list[list[int]]
    max_tokens: int | None = Field(default=None, ge=1)
    logprobs: int | None = Field(default=None, ge=0, le=20)
    add_special_tokens: bool = True
    echo: bool | None = False
    suffix: str | None = None


class ResponsesRequest(Sampled):
    """``/v1/responses``."""

    input: str | list[Any]
    instructions: str | None = None
    max_output_tokens: int | None = Field(default=None, ge=1)
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    include: list[str] | None = None
    text: dict[str, Any] | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    prompt: Any = None
    metadata: dict[str, str] | None = None


class Tokenize(Body):
    """``/tokenize``."""

    model: str | None = None
    prompt: str
    add_special_tokens: bool = True


class Detokenize(Body):
    """``/detokenize``."""

    model: str | None = None
    tokens: list[int] = Field(max_length=200_000)
