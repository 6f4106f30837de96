"""Configuration is Python: frozen keyword-only dataclasses beside the classes they configure.

    @dataclass(frozen=True, kw_only=True)
    class LoopConfig(Config):
        steps: int
        optimizer: OptimizerConfig

``override(config, ["steps=300", "optimizer.lr=1e-3"])`` gives a changed copy: keys must exist
and values must fit the field's type. ``to_dict``/``from_dict`` are strict in the same way.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Self, Union, get_args, get_origin

from openmolmo.core.errors import ConfigError

__all__ = ["Config", "from_dict", "override", "parse_value", "to_dict"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Base of every configuration; subclasses check themselves in ``__post_init__``."""

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed (checked again)."""
        return dataclasses.replace(self, **changes)


def to_dict(config: Any) -> Any:
    """Plain JSON values of a configuration (tuples become lists, enums and paths strings)."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {f.name: to_dict(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, Mapping):
        return {str(key): to_dict(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [to_dict(value) for value in config]
    if isinstance(config, Enum):
        return config.value
    return str(config) if isinstance(config, Path) else config


def from_dict(cls: type[Any], values: Mapping[str, Any], *, where: str = "") -> Any:
    """Build dataclass ``cls`` from JSON values; unknown keys and wrong types are errors."""
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls) if f.init]
    for key in values:
        if key not in names:
            raise _unknown_key(where + key, key, names)
    try:
        return cls(**{key: _convert(value, hints[key], where + key) for key, value in values.items()})
    except TypeError as error:
        raise ConfigError(f"{where or cls.__name__}: {error}") from error


def override(config: Any, assignments: Iterable[str]) -> Any:
    """Apply ``key.sub=value`` strings to a configuration and return the changed copy."""
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"{assignment!r} is not of the form key=value", fix="write e.g. steps=300")
        config = _set_or_tell(config, key.strip(), text)
    return config


def _set_or_tell(config: Any, key: str, text: str) -> Any:
    """Errors of a part, which does not know where it stands, begin with the whole key."""
    try:
        return _set(config, key.split("."), text, key)
    except ConfigError as error:
        if key in error.message:
            raise
        raise ConfigError(f"{key}={text} is refused: {error.message}", fix=error.fix) from error


def _set(config: Any, path: list[str], text: str, full: str) -> Any:
    name, rest = path[0], path[1:]
    if isinstance(config, Mapping):
        if name not in config:
            raise _unknown_key(full, name, list(config))
        value = _set(config[name], rest, text, full) if rest else parse_value(text, type(config[name]), full)
        return {**config, name: value}
    if isinstance(config, tuple) and rest:
        if not name.isdigit() or int(name) >= len(config):
            raise ConfigError(f"{full}: {name!r} is not an index of {len(config)} items")
        changed = list(config)
        changed[int(name)] = _set(config[int(name)], rest, text, full)
        return tuple(changed)
    if config is None:
        raise ConfigError(f"{full}: the whole that {name!r} is a part of is none", fix="set the whole, as JSON")
    if not dataclasses.is_dataclass(config):
        raise ConfigError(f"{full}: a value of type {type(config).__name__} has no field {name!r}")
    fields = [f.name for f in dataclasses.fields(config)]
    if name not in fields:
        raise _unknown_key(full, name, fields)
    if rest:
        return dataclasses.replace(config, **{name: _set(getattr(config, name), rest, text, full)})  # type: ignore[type-var]
    hint = typing.get_type_hints(type(config))[name]
    return dataclasses.replace(config, **{name: parse_value(text, hint, full)})  # type: ignore[type-var]


def parse_value(text: str, hint: Any, where: str) -> Any:
    """One command-line value of type ``hint``: JSON where it is JSON, otherwise the text itself.

    Raises ConfigError, which names ``where``, for a value of another type.
    """
    value: Any = text
    if _accepts_only_text(hint):
        return _convert(text, hint, where)
    if get_origin(hint) is Literal and text in get_args(hint):
        return text  # such as "none"
    try:
        value = {"true": True, "false": False, "none": None}.get(text.lower())
        if value is None and text.lower() != "none":
            value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    if isinstance(value, str) and get_origin(hint) is tuple and get_args(hint)[1:] == (Ellipsis,):  # a,b,c
        items = (item.strip() for item in value.split(","))
        value = [parse_value(item, get_args(hint)[0], where) for item in items if item]
    return _convert(value, hint, where)


def _accepts_only_text(hint: Any) -> bool:
    return hint is str or hint is Path


def _convert(value: Any, hint: Any, where: str) -> Any:
    if hint is Any:
        return value
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _convert_union(value, get_args(hint), where)
    if origin is Literal:
        if value in get_args(hint):
            return value
        raise ConfigError(f"{where}={value!r} is not one of {', '.join(map(str, get_args(hint)))}")
    if origin is not None or dataclasses.is_dataclass(hint):
        return _convert_container(value, hint, where)
    if isinstance(hint, type):
        converted = _convert_plain(value, hint)
        if converted is not None or (value is None and hint is type(None)):
            return converted
    raise _wrong_type(value, hint, where)


def _convert_container(value: Any, hint: Any, where: str) -> Any:
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint):
        if dataclasses.is_dataclass(value):
            return value
        if isinstance(value, Mapping) and isinstance(hint, type):
            return from_dict(hint, value, where=f"{where}.")
    elif origin in (tuple, list):
        if isinstance(value, (list, tuple)):
            return _convert_sequence(value, origin, get_args(hint), where)
    elif isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {key: _convert(item, get_args(hint)[1], f"{where}.{key}") for key, item in value.items()}
    raise _wrong_type(value, hint, where)


def _wrong_type(value: Any, hint: Any, where: str) -> ConfigError:
    return ConfigError(f"{where}={value!r} is {type(value).__name__}, must be {_name(hint)}")


def _convert_plain(value: Any, hint: type) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str):  # JSON knows 1e-3 but not .5 or inf
        try:
            return float(value)
        except ValueError:
            return None
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if issubclass(hint, Enum):
        return next((member for member in hint if member.value == value), None)
    if isinstance(value, bool) and hint is not bool:
        return None
    return value if isinstance(value, hint) else None


def _convert_union(value: Any, options: tuple[Any, ...], where: str) -> Any:
    if value is None and type(None) in options:
        return None
    failures = []
    for option in options:
        if option is type(None):
            continue
        try:
            return _convert(value, option, where)
        except ConfigError as error:
            failures.append(error)
    raise failures[0]


def _convert_sequence(value: Any, origin: Any, arguments: tuple[Any, ...], where: str) -> Any:
    if origin is list or (len(arguments) == 2 and arguments[1] is Ellipsis):
        return origin(_convert(item, arguments[0], f"{where}[{i}]") for i, item in enumerate(value))
    if len(arguments) != len(value):
        raise ConfigError(f"{where} has {len(value)} items, must have {len(arguments)}")
    return tuple(
        _convert(item, hint, f"{where}[{i}]") for i, (item, hint) in enumerate(zip(value, arguments, strict=True))
    )


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)) if get_origin(hint) is None else str(hint).replace("typing.", "")


def _unknown_key(full: str, name: str, known: list[str]) -> ConfigError:
    near = difflib.get_close_matches(name, known, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known here: {', '.join(known)}"
    return ConfigError(f"there is no setting {full!r}", fix=hint)
