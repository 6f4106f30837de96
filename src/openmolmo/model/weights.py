"""Stored weights by name, read tensor by tensor through a memory map of which little is resident at a time.

A page of a mapped file that was read counts as the process's memory until it is unmapped. So the files are
mapped anew every few megabytes: what stays in memory is what was made of them.
"""

from __future__ import annotations

import json
import math
import pickle
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from openmolmo.core.errors import CheckpointError
from openmolmo.model.folder import INDEX, NATIVE_WEIGHTS

__all__ = ["WEIGHTS", "PickledWeights", "SafetensorsWeights", "StoredWeights", "open_weights", "weight_files"]

WEIGHTS = "model.safetensors"

#: Bytes of a file that may be resident before it is mapped anew; more for large files, since opening them takes time.
_WINDOW, _WINDOW_SHARE = 32 * 2**20, 1 / 200


_POINTER = b"version https://git-lfs"  # what a clone without git-lfs has in place of a large file


class StoredWeights(ABC):
    """The tensors of a model folder. ``shapes`` are known before any weight is read."""

    def __init__(self, folder: Path, shapes: Mapping[str, list[int]], total_bytes: int) -> None:
        self.folder = folder
        self.shapes = shapes
        self._window = max(_WINDOW, int(total_bytes * _WINDOW_SHARE))
        self._resident = 0

    def read(self, name: str, dtype: torch.dtype | None = None, rows: slice | None = None) -> Tensor:
        """A tensor, or ``rows`` of it, in memory of its own and in ``dtype`` (None: as it is stored).

        Raises:
            CheckpointError: the file has become unreadable.
        """
        shape = self.shapes[name]
        if not shape:
            return self._rows(name, None).to(dtype=dtype, copy=True)
        first, last, _ = (rows or slice(None)).indices(shape[0])
        stored = self._rows(name, slice(0, 0)).dtype
        made = torch.empty([last - first, *shape[1:]], dtype=dtype or stored)
        row = math.prod(shape[1:]) * stored.itemsize
        step = max(1, self._window // max(row, 1))
        for start in range(first, last, step):
            end = min(start + step, last)
            if self._resident + row * (end - start) > self._window:
                self._unmap()
                self._resident = 0
            made[start - first : end - first] = self._rows(name, slice(start, end))
            self._resident += row * (end - start)
        return made

    @abstractmethod
    def _rows(self, name: str, part: slice | None) -> Tensor:
        """Rows of a tensor (None: all of it) in the mapped file."""

    @abstractmethod
    def _unmap(self) -> None:
        """Let go of the mapped files; the next read maps them anew."""


class SafetensorsWeights(StoredWeights):
    """The safetensors files of a folder.

    Raises:
        CheckpointError: a file is missing, damaged or cut short, or holds quantised weights.
    """

    def __init__(self, folder: Path) -> None:
        files = weight_files(folder)
        self._file: dict[str, Path] = {}
        shapes: dict[str, list[int]] = {}
        for path in files:
            stored = open_weights(path)
            for name in stored.keys():  # noqa: SIM118  (not a dictionary)
                if name in shapes:
                    raise CheckpointError(
                        f"{name} is in {self._file[name].name} and in {path.name}",
                        fix="get the folder again; one of the two is of another model",
                    )
                part = stored.get_slice(name)
                _check_type(name, part.get_dtype(), path)
                shapes[name] = list(part.get_shape())
                self._file[name] = path
        super().__init__(folder, shapes, sum(path.stat().st_size for path in files))
        self._open: tuple[Path, Any] | None = None

    def _rows(self, name: str, part: slice | None) -> Tensor:
        path = self._file[name]
        if self._open is None or self._open[0] != path:
            self._open = (path, open_weights(path))
        stored = self._open[1]
        rows: Tensor = stored.get_tensor(name) if part is None else stored.get_slice(name)[part]
        return rows

    def _unmap(self) -> None:
        self._open = None


class PickledWeights(StoredWeights):
    """``model.pt`` of a native folder; only tensors are read, no code in it is run.

    Raises:
        CheckpointError: it is missing, damaged or cut short, or holds more than tensors.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NATIVE_WEIGHTS
        if not self._path.is_file():
            raise CheckpointError(f"{folder} has no {NATIVE_WEIGHTS}", fix="unpack the checkpoint again")
        self._open: dict[str, Tensor] | None = self._load()
        shapes = {name: list(tensor.shape) for name, tensor in self._open.items()}
        super().__init__(folder, shapes, self._path.stat().st_size)

    def _load(self) -> dict[str, Tensor]:
        try:
            state = torch.load(self._path, map_location="cpu", mmap=True, weights_only=True)
        except pickle.UnpicklingError as error:
            if _is_pointer(self._path):
                raise _damaged(self._path, error) from error
            raise CheckpointError(
                f"{self._path} holds more than tensors, or is no checkpoint: {str(error).splitlines()[0]}",
                fix="unpack it again from its source; it is not loaded because it could run code",
            ) from error
        except (RuntimeError, OSError, EOFError, ValueError) as error:
            raise _damaged(self._path, error) from error
        if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
            raise CheckpointError(
                f"{self._path} holds no table of tensors by name", fix="give the unsharded checkpoint of a Molmo"
            )
        for name, tensor in state.items():
            _check_type(name, str(tensor.dtype).removeprefix("torch."), self._path)
        return state

    def _rows(self, name: str, part: slice | None) -> Tensor:
        if self._open is None:
            self._open = self._load()
        return self._open[name] if part is None else self._open[name][part]

    def _unmap(self) -> None:
        self._open = None


def _check_type(name: str, dtype: str, path: Path) -> None:
    if dtype.lower() not in {"f64", "f32", "f16", "bf16", "float64", "float32", "float16", "bfloat16"}:
        raise CheckpointError(
            f"{name} in {path} is stored as {dtype}; weights are read as float32, float16 or bfloat16",
            fix="give the folder as it was published, not a quantised copy",
        )


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder: the only one, or those of the index.

    Raises:
        CheckpointError: there is none, one of the index is missing, or there are two sets of them.
    """
    index, single = folder / INDEX, (folder / WEIGHTS).exists()
    if single and not index.exists():
        return [folder / WEIGHTS]
    if not index.exists():
        raise CheckpointError(
            f"{folder} has no weights: neither {WEIGHTS} nor {INDEX}", fix="give a folder that save_model wrote"
        )
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        paths = [folder / name for name in names]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{index} is not a weight index: {error!r}", fix="copy the folder again") from error
    if single and WEIGHTS not in names:
        raise CheckpointError(
            f"{folder} has weights twice: {WEIGHTS}, and the {len(names)} files of {INDEX}",
            fix="one of the two is of an older model: delete it, and its index with it if those are the older ones",
        )
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise CheckpointError(
            f"{folder} lacks {len(missing)} of {len(names)} weight files: {', '.join(missing[:3])}",
            fix="copy the folder again",
        )
    return paths


def open_weights(path: Path) -> Any:
    """A safetensors file, to be read tensor by tensor.

    Raises:
        CheckpointError: it is damaged or cut short.
    """
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> CheckpointError:
    size = path.stat().st_size
    if _is_pointer(path):
        return CheckpointError(
            f"{path} is a pointer of git-lfs of {size} bytes, not the weights",
            fix="run git lfs pull in its folder, or download it anew: hf download OWNER/NAME",
        )
    reason = " ".join(str(error).splitlines()[:1]) or type(error).__name__
    return CheckpointError(
        f"{path} is damaged or cut short ({size} bytes): {reason}", fix="copy or download the file again"
    )


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_POINTER)) == _POINTER
