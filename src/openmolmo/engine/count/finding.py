"""The boxes of every picture, found once and kept: ``OUT/boxes/*.jsonl``, shard by shard, by any number of workers.

A picture is known by its path, size and time of change, so pictures may come and go: only new ones are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from openmolmo.core.errors import ImageError
from openmolmo.core.executors import Executor, run_shards
from openmolmo.core.files import atomic_file, sha256_bytes
from openmolmo.engine.count.detectors import Box, Detector, build_detector
from openmolmo.pictures import open_image, pictures_in

__all__ = ["Looked", "find_boxes"]

LEAST_SCORE = 0.05
"""Boxes that are less sure are not kept; rules cannot ask for less."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A picture that was looked at: path in its folder, hash, width and height (pixels, upright), what was found.

    ``error`` says why it could not be read; then there is nothing else.
    """

    path: str
    key: str
    sha256: str = ""
    width: int = 0
    height: int = 0
    boxes: tuple[Box, ...] = ()
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class _Shard:
    """Pictures to look at, and the file for what is found."""

    folder: Path
    pictures: tuple[tuple[str, str], ...]
    name: str
    options: tuple[tuple[str, str], ...]
    out: Path


def find_boxes(
    folder: Path,
    out: Path,
    detector: tuple[str, Mapping[str, str]],
    *,
    workers: int = 1,
    executor: Executor = "processes",
    per_shard: int = 64,
    on_done: Callable[[int], None] = lambda pictures: None,
) -> list[Looked]:
    """What a detector, given by name and options, finds in every picture of ``folder``, in order of their paths.

    ``on_done`` gets the number of pictures of each shard as it is finished. An interrupted run is finished by calling
    again.
    """
    name, options = detector
    engine = build_detector(name, options)  # wrong options are told before anything is done
    home = out / sha256_bytes(f"{name} {engine!r}".encode())[:16]
    wanted = [(path.relative_to(folder).as_posix(), _key(path)) for path in pictures_in(folder).paths]
    known = _kept(home)
    todo = [picture for picture in wanted if picture[1] not in known]
    shards = [
        _Shard(
            folder=folder.resolve(),
            pictures=tuple(todo[start : start + per_shard]),
            name=name,
            options=tuple(sorted(options.items())),
            out=home.resolve(),
        )
        for start in range(0, len(todo), per_shard)
    ]
    run_shards(_look, shards, executor=executor, workers=workers, on_done=on_done)
    known = _kept(home)
    # The key holds the path, so a picture that was moved is looked at again: rare, and cheaper than hashing all.
    return [known[key] for _, key in wanted if key in known]


def _key(path: Path) -> str:
    try:
        state = path.stat()
    except OSError:  # a broken link: reading it will say so
        return sha256_bytes(str(path).encode())[:32]
    return sha256_bytes(f"{path} {state.st_size} {state.st_mtime_ns}".encode())[:32]


def _kept(home: Path) -> dict[str, Looked]:
    """What was found before; a damaged line counts as none."""
    found: dict[str, Looked] = {}
    for file in sorted(home.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row: dict[str, Any] = json.loads(line)
                boxes = tuple(Box(**box) for box in row.pop("boxes"))
                found[row["key"]] = Looked(**row, boxes=boxes)
            except (ValueError, TypeError, KeyError):
                continue
    return found


def _look(shard: _Shard) -> int:
    """Look at the pictures of one shard and write what was found, whole or not at all."""
    detector = _detector(shard.name, shard.options)
    rows = [asdict(_look_at(detector, shard.folder, path, key)) for path, key in shard.pictures]
    digest = sha256_bytes(" ".join(key for _, key in shard.pictures).encode())[:16]
    with atomic_file(shard.out / f"{digest}.jsonl") as file:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return len(rows)


@lru_cache(maxsize=1)  # a worker makes its model once, not for every shard
def _detector(name: str, options: Sequence[tuple[str, str]]) -> Detector:
    return build_detector(name, dict(options))


def _look_at(detector: Detector, folder: Path, path: str, key: str) -> Looked:
    try:
        data = (folder / path).read_bytes()
        pixels = open_image(data, name=path)
    except ImageError as error:
        return Looked(path=path, key=key, error=error.kind)
    except OSError as error:
        return Looked(path=path, key=key, error=error.strerror or "cannot be read")
    boxes = tuple(box for box in detector.detect(pixels) if box.score >= LEAST_SCORE)
    height, width = pixels.shape[:2]
    return Looked(path=path, key=key, sha256=sha256_bytes(data), width=width, height=height, boxes=boxes)
