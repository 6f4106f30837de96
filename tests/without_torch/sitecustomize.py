"""On PYTHONPATH, this makes a Python process one without torch and what comes with it, as a small machine is."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

ABSENT = ("accelerate", "peft", "safetensors", "tokenizers", "torch", "torchao", "transformers", "trl")


class Absent:
    """Finds none of them, in the very words of Python."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def _distribution(name: str) -> importlib.metadata.Distribution:
    if name.lower() in ABSENT:
        raise importlib.metadata.PackageNotFoundError(name)
    return _found(name)


_found = importlib.metadata.Distribution.from_name
importlib.metadata.Distribution.from_name = _distribution  # type: ignore[method-assign,assignment]
sys.meta_path.insert(0, Absent())
