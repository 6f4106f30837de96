"""The model library's import without what answering never uses.

Importing a model class of ``transformers`` also imports sharding over many processes, the compiler with its algebra
(sympy), and the matching of boxes (scipy), and reads the source of every model there is, twice: together more than
twice what ``import torch`` costs. A process that answers a question and ends is spared that here.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

__all__ = ["import_lean"]

_COMPILER = "torch._dynamo"
_TRACING = "torch._dynamo._trace_wrapped_higher_order_op"
_UNUSED = ("is_torch_distributed_available", "is_scipy_available", "is_accelerate_available", "is_torchao_available")
"""What the library asks before it imports these parts."""


def import_lean() -> None:
    """Import the model library for a process that answers on one device, compiles nothing, and ends then.

    Nothing is done where the library is there already. Later use of the compiler imports it then.
    """
    if "transformers" in sys.modules:
        return
    import torch  # noqa: F401  (before its compiler gets a stand-in)

    with _nothing_collected(), _compiler_later():
        library = importlib.import_module("transformers.utils.import_utils")
        for module in (library, sys.modules["transformers.utils"]):
            for name in _UNUSED:
                setattr(module, name, _no)
        with _models_unread(library):
            importlib.import_module("openmolmo.inference.load")


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Without looking for garbage among what modules define, which stays to the end; nor is it looked through later."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was:
            gc.enable()


class _Later(ModuleType):
    """Stands for a module while the library only marks its functions for it; anything else gives the real one's."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(self.__name__), name)


@contextmanager
def _compiler_later() -> Iterator[None]:
    if _COMPILER in sys.modules:
        yield
        return
    compiler, tracing = _Later(_COMPILER), _Later(_TRACING)
    marks: dict[str, Callable[..., Any]] = {
        "disable": _unmarked,
        "allow_in_graph": _unmarked,
        "assume_constant_result": _unmarked,
    }
    compiler.__dict__.update(marks, __path__=[])
    tracing.__dict__["TransformGetItemToIndex"] = lambda: _real(_TRACING).TransformGetItemToIndex()
    sys.modules.update({_COMPILER: compiler, _TRACING: tracing})
    try:
        yield
    finally:
        _take_away_stand_ins()


@contextmanager
def _models_unread(library: ModuleType) -> Iterator[None]:
    """Without a second table of all models: that of the package itself, made at its import, is enough."""
    read = library.define_import_structure

    def unread(path: Any, *args: Any, **kwargs: Any) -> Any:
        return {} if str(path).endswith(_ALL_MODELS) else read(path, *args, **kwargs)

    library.define_import_structure = unread  # type: ignore[attr-defined]
    try:
        yield
    finally:
        library.define_import_structure = read  # type: ignore[attr-defined]


_ALL_MODELS = ("transformers/models/__init__.py", "transformers\\models\\__init__.py")


def _real(name: str) -> ModuleType:
    _take_away_stand_ins()
    return importlib.import_module(name)


def _take_away_stand_ins() -> None:
    for name in (_TRACING, _COMPILER):
        if isinstance(sys.modules.get(name), _Later):
            del sys.modules[name]


def _unmarked(function: Any = None, *args: Any, **kwargs: Any) -> Any:
    """A mark for the compiler, with or without settings, that leaves the function as it is."""
    return (lambda marked: marked) if function is None else function


def _no(*args: Any, **kwargs: Any) -> bool:
    return False
