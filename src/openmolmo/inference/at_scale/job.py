"""A whole job: its parts handed out to workers, each answered once, and taken up again where it was left."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmolmo.core.errors import DataError, RunError
from openmolmo.core.executors import Executor, run_shards
from openmolmo.core.files import sha256_bytes, write_json
from openmolmo.core.progress import make_progress
from openmolmo.inference.at_scale.engines import ENGINES
from openmolmo.inference.at_scale.parts import cut, find_source
from openmolmo.inference.at_scale.work import Done, Task, answer_part, failures_of, file_of

if TYPE_CHECKING:
    from openmolmo.inference.settings import Settings

__all__ = ["Workers", "answer_at_scale"]

JOB = "job.json"
_EDGE = 2**16  # bytes at either end of a file of weights that its mark is made from
_MODEL_FILES = ("*.safetensors", "*.json", "*.pt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Who answers: an engine by name, in this process or on Ray, ``count`` at once, each with ``gpus``."""

    engine: str = "local"
    executor: Executor = "processes"
    count: int = 1
    gpus: float = 0.0


def answer_at_scale(
    source: Path,
    out: Path,
    settings: Settings,
    workers: Workers,
    *,
    rows_per_shard: int = 256,
    default: Mapping[str, Any] | None = None,
) -> Done:
    """Answer every request of ``source`` into files of the folder ``out``; what is answered there stays.

    Raises:
        RunError: the folder has answers to other requests, by another model or other settings.
        DataError: there is nothing to ask.
    """
    ENGINES.get(workers.engine)  # a wrong name is told of before anything else
    source, out = source.resolve(), out.resolve()
    found = find_source(source)
    given = tuple(sorted((default or {}).items()))
    parts = list(cut(found, rows_per_shard))
    if not parts:
        raise DataError("there is no request in it", file=str(source), fix="give a file with requests")
    about = {
        "source": str(source),
        "source_mark": found.mark,
        "rows_per_shard": rows_per_shard,
        "default": dict(given),
        "engine": workers.engine,
        "model": settings.model,
        "model_mark": _model_mark(settings.model),
        "quantize": settings.quantize,
        "settings": settings.of_answers(),
    }
    out.mkdir(parents=True, exist_ok=True)
    _begin(out / JOB, json.loads(json.dumps(about)))
    # A worker answers many parts: it must not think that it is there for one question.
    settings = dataclasses.replace(settings, alone=False)
    left = [part for part in parts if not file_of(out, part.number).exists() or failures_of(out, part.number).exists()]
    tasks = [Task(part=part, out=out, engine=workers.engine, settings=settings, default=given) for part in left]
    total = _run(tasks, workers, len(parts))
    whole = sum(part.count for part in parts) - sum(part.count for part in left)
    return dataclasses.replace(total, before=total.before + whole)


def _run(tasks: Sequence[Task], workers: Workers, parts: int) -> Done:
    total = Done(0, 0, 0)
    if not tasks:
        return total
    with make_progress("failed") as progress:
        bar = progress.add_task("parts", total=parts, completed=parts - len(tasks), failed="")

        def on_done(done: Done) -> None:
            nonlocal total
            total = Done(
                total.answered + done.answered,
                total.before + done.before,
                total.failed + done.failed,
                (*total.told, *done.told)[:5],
            )
            progress.update(bar, advance=1, failed=f"{total.failed} failed" if total.failed else "")

        run_shards(
            answer_part,
            tasks,
            executor=workers.executor,
            workers=workers.count,
            on_done=on_done,
            gpus=workers.gpus,
        )
    return total


def _begin(path: Path, about: dict[str, Any]) -> None:
    """Note what the job is, or make sure that it is the one that was begun here."""
    if not path.exists():
        if stray := next(path.parent.glob("answers-*.jsonl"), None):
            raise RunError(f"{path.parent} has {stray.name} but no {JOB}", fix="give another --out")
        write_json(path, about)
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        before = {}
    for name, value in about.items():
        if before.get(name) != value:
            raise RunError(
                f"{path.parent} was begun with another {name}: {before.get(name)!r}, now {value!r}",
                fix="give another --out, or the settings that it was begun with",
            )


def _model_mark(model: str) -> str:
    """What tells a model's files from others under the same name; nothing is loaded."""
    from openmolmo.model.find import find_model

    folder = find_model(model)
    marks = []
    for path in sorted(path for pattern in _MODEL_FILES for path in folder.glob(pattern)):
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(_EDGE)
            stream.seek(max(0, size - _EDGE))
            marks.append((path.name, size, sha256_bytes(head + stream.read())))
    return sha256_bytes(repr(marks).encode())[:16]
