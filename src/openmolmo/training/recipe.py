"""Recipes: functions that return a :class:`BaseRunConfig`, found by name or in a file.

A recipe may have parameters (all with defaults): ``openmolmo train NAME data=mine.jsonl`` gives them, by the
same KEY=VALUE that changes any setting of what it returns.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from openmolmo.core.config import override, parse_value
from openmolmo.core.errors import ConfigError, NotRegisteredError
from openmolmo.core.registry import Registry
from openmolmo.training.config import BaseRunConfig, CropPolicyRunConfig, NameRunConfig, PatchRunConfig, RunConfig

__all__ = ["RECIPES", "change", "load_recipe", "missing_data", "parameters_of", "run_of"]

Recipe = Callable[..., BaseRunConfig]
_AnyRun = TypeVar("_AnyRun", bound=BaseRunConfig)

RECIPES: Registry[Recipe] = Registry("recipe")
"""Recipes by name; entry points of the group ``openmolmo.recipes``."""


def load_recipe(text: str, **arguments: Any) -> BaseRunConfig:
    """``name`` of a registered recipe, or ``path/to/file.py:function``; ``arguments`` are its parameters.

    Raises NotRegisteredError for an unknown name, ConfigError for a file that has no such
    function or a function that returns something else.
    """
    config = _find(text)(**arguments)
    if not isinstance(config, BaseRunConfig):
        raise ConfigError(f"recipe {text} returned {type(config).__name__}, must return RunConfig")
    return config


def parameters_of(text: str, assignments: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """KEY=VALUE texts as (values of the recipe's parameters, the others, which change what it returns)."""
    recipe = _find(text)
    names = inspect.signature(recipe).parameters
    hints = typing.get_type_hints(recipe) if inspect.isfunction(recipe) else {}
    values: dict[str, Any] = {}
    others: list[str] = []
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if equals and key in names:
            values[key] = parse_value(value, hints.get(key, str), key)
        else:
            others.append(assignment)
    return values, others


def change(text: str, config: _AnyRun, changes: Iterable[str]) -> _AnyRun:
    """``config`` of recipe ``text`` with settings changed; for an unknown one the recipe's parameters are told too."""
    changed: _AnyRun = config
    for assignment in changes:
        try:
            changed = override(changed, [assignment])
        except ConfigError as error:
            key = assignment.partition("=")[0].strip()
            if "." in key or key in {field.name for field in dataclasses.fields(config)} or "=" not in assignment:
                raise
            own = ", ".join(inspect.signature(_find(text)).parameters)
            parameters = f"the recipe's parameters: {own}" if own else "the recipe has no parameters of its own"
            raise ConfigError(error.message, fix=f"{error.fix} ({parameters})") from error
    return changed


def missing_data(text: str, arguments: Mapping[str, Any], config: BaseRunConfig) -> ConfigError | None:
    """The error of a recipe with a parameter ``data`` that is not given, where ``config``, which it returned, reads a
    default path that is not there."""
    parameter = inspect.signature(_find(text)).parameters.get("data")
    if parameter is None or "data" in arguments or not isinstance(config, RunConfig):
        return None
    paths = {source.options.get("path") for group in config.mixture.groups for source in group.sources}
    if str(parameter.default) not in paths or Path(str(parameter.default)).exists():
        return None
    return ConfigError(
        f"{text} is given no data, and there is none at {parameter.default!r}, where it looks by default",
        fix="give data=PATH: a JSONL file, or a data set folder",
    )


def _find(text: str) -> Recipe:
    file, colon, function = text.rpartition(":")
    if colon and file.endswith(".py"):
        return _from_file(Path(file), function)
    if text.endswith(".py"):
        raise ConfigError(f"{text}: which function?", fix=f"write {text}:FUNCTION")
    return RECIPES.get(text)


def run_of(config: BaseRunConfig) -> Callable[..., Path]:
    """What carries a run out: (folder, resume, finish) -> the final checkpoint."""
    if isinstance(config, PatchRunConfig):
        from openmolmo.training.patch_labels.loop import run_patches

        return partial(run_patches, config)
    if isinstance(config, NameRunConfig):
        from openmolmo.training.grounding.names import run_names

        return partial(run_names, config)
    if isinstance(config, CropPolicyRunConfig):
        from openmolmo.training.crop_policy import run_crop_policy

        return partial(run_crop_policy, config)
    from openmolmo.training.loop import run

    assert isinstance(config, RunConfig)
    return partial(run, config)


def _from_file(path: Path, function: str) -> Recipe:
    if not path.is_file():
        raise NotRegisteredError(f"there is no recipe file {path}", fix="check the path before the colon")
    module = _import(path)
    recipe = getattr(module, function, None)
    if not callable(recipe):
        names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        near = difflib.get_close_matches(function, names, n=2) or names
        raise NotRegisteredError(f"{path} has no function {function!r}", fix=f"it has: {', '.join(near) or 'none'}")
    made: Recipe = recipe
    return made


def _import(path: Path) -> ModuleType:
    name = f"openmolmo_recipe_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # what it registers must be found again by worker processes
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError, NameError) as error:
        raise ConfigError(
            f"{path} cannot be imported: {error}", fix=f"python {path} shows where in the file it happens"
        ) from error
    return module
