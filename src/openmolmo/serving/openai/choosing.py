"""From the fields of a request to how tokens are chosen; what cannot be done is refused by its name."""

from __future__ import annotations

import random
from typing import Any

from openmolmo.serving.backend import Choosing
from openmolmo.serving.openai.failures import invalid
from openmolmo.serving.openai.schemas import Sampled
from openmolmo.serving.openai.settings import ServeSettings

__all__ = ["check_format", "choices_of", "choosing_of", "refuse_unknown_ways", "stops_of", "tokens_of"]

_MOST_STOPS = 16
_ABSENT = (None, False, 0)


def choosing_of(body: Sampled, logprobs: int | None) -> Choosing:
    """How tokens are chosen. OpenAI's default temperature of 1 is not ours: points are found greedily."""
    return Choosing(
        temperature=_given(body.temperature, 0.0),
        top_p=_given(body.top_p, 1.0),
        top_k=max(0, _given(body.top_k, 0)),
        min_p=_given(body.min_p, 0.0),
        repetition_penalty=_given(body.repetition_penalty, 1.0),
        presence_penalty=_given(body.presence_penalty, 0.0),
        frequency_penalty=_given(body.frequency_penalty, 0.0),
        seed=abs(body.seed) if body.seed is not None else random.getrandbits(32),
        logprobs=logprobs,
        stop_token_ids=tuple(body.stop_token_ids or ()),
    )


def _given(value: Any, default: Any) -> Any:
    return default if value is None else value


def stops_of(body: Sampled) -> tuple[str, ...]:
    """Texts at which a reply ends."""
    stops = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    if len(stops) > _MOST_STOPS or any(not 0 < len(stop) <= 1000 for stop in stops):
        raise invalid(f"stop must be at most {_MOST_STOPS} texts of 1-1000 characters", "stop")
    return stops


def choices_of(body: Sampled, settings: ServeSettings) -> int:
    """How many replies are wanted."""
    wanted = body.n or 1
    if wanted > settings.max_choices:
        raise invalid(f"n={wanted} replies are asked for, at most {settings.max_choices} are given", "n")
    return wanted


def tokens_of(wanted: int | None, settings: ServeSettings, param: str) -> int:
    """The longest reply; refused where more is asked for than is ever given."""
    if wanted is not None and wanted > settings.max_tokens:
        raise invalid(f"{param}={wanted} is asked for, the limit is {settings.max_tokens}", param)
    return settings.default_tokens if wanted is None else wanted


def refuse_unknown_ways(body: Sampled) -> None:
    """Refuse what would change the reply and is not done here; a reply that ignores it would be a wrong one."""
    for name in ("min_tokens", "ignore_eos", "use_beam_search", "prompt_logprobs", "audio"):
        if getattr(body, name) not in _ABSENT:
            raise invalid(f"{name} is not supported by this server", name, "unsupported_parameter")
    if body.logit_bias:
        raise invalid("logit_bias is not supported by this server", "logit_bias", "unsupported_parameter")
    if body.modalities and set(body.modalities) != {"text"}:
        raise invalid("replies are text only", "modalities", "unsupported_parameter")
    for name in ("structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar"):
        if getattr(body, name) is not None:
            raise _no_schema(name)
    if body.response_format is not None:
        check_format(body.response_format, "response_format")
    if not (body.tool_choice in (None, "auto", "none") and body.function_call in (None, "auto", "none")):
        raise invalid("this model calls no tools: tool_choice must be auto or none", "tool_choice", "unsupported_value")


def check_format(wanted: Any, param: str) -> None:
    """Plain text is the one form of replies."""
    kind = wanted.get("type") if isinstance(wanted, dict) else wanted
    if kind in ("json_object", "json_schema", "structural_tag", "regex", "grammar"):
        raise _no_schema(param)
    if kind != "text":
        raise invalid(f"{param} must be of type text", param, "unsupported_value")


def _no_schema(param: str) -> Exception:
    return invalid(
        "replies cannot be held to JSON or a schema by this server: its models write text and points. "
        "Points and counts come parsed, in the field openmolmo of each reply",
        param,
        "unsupported_value",
    )
