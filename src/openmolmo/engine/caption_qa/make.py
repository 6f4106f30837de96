"""A data set of questions out of a data set of captions: shard by shard, each whole or absent, so it can be resumed."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.config import Config, to_dict
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.executors import Executor, run_shards
from openmolmo.core.files import only_writer
from openmolmo.core.rng import derive
from openmolmo.engine.caption_qa.cloze import cloze_talks
from openmolmo.engine.caption_qa.graph import graph_talks
from openmolmo.engine.caption_qa.keeping import Keeper
from openmolmo.engine.caption_qa.talk import Talk
from openmolmo.engine.caption_qa.writing import PROMPTS, write_talks
from openmolmo.engine.llm import LLM, LLMSettings
from openmolmo.records.audit import REFUSED
from openmolmo.records.example import Caption, Example, Made
from openmolmo.records.folder import open_dataset
from openmolmo.records.manifest import MANIFEST, Manifest
from openmolmo.records.shards import ShardWriter, read_metadata, shard_info

__all__ = ["CaptionQA", "Report", "make_caption_qa"]

VERSION = "2"
"""Raise it when the same captions would give other questions."""


@dataclass(frozen=True, kw_only=True)
class CaptionQA(Config):
    """``single`` questions and one conversation of ``turns`` for each picture, at most; 0 for none.

    Offline a conversation is made of further questions, for one picture in four.
    """

    single: int = 6
    turns: int = 3
    seed: int = 0
    rows_per_shard: int = 256

    def __post_init__(self) -> None:
        for name, least in (("single", 0), ("turns", 0), ("seed", 0), ("rows_per_shard", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}, must be at least {least}")
        if self.turns == 1 or not self.single + self.turns:
            raise ConfigError(f"single={self.single} and turns={self.turns} ask for nothing", fix="turns=2 or more")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of a run: shards made now and kept from before, and counts over all of them.

    ``counts``: examples read and written, questions and conversations, and those by what they are about; ``dropped``
    by reason (see ``keeping.REASONS``).
    """

    folder: Path
    manifest: Manifest
    made: int
    kept: int
    counts: dict[str, int]
    dropped: dict[str, int]


def make_caption_qa(
    source: Path,
    out: Path,
    settings: CaptionQA | None = None,
    *,
    llm: LLMSettings | None = None,
    workers: int = 1,
    executor: Executor = "processes",
) -> Report:
    """Write questions about the pictures of ``source`` in the folder ``out``; without ``llm`` by rules alone.

    The bytes are the same for any ``workers`` and ``executor``; with ``ray`` all machines must see both folders. A run
    that was stopped is finished by the same call. A folder that holds something else is a DataError.
    """
    settings = settings or CaptionQA()
    examples = open_dataset(source)
    if not len(examples):
        raise DataError(f"{source} has no examples")
    if out.resolve() == Path(source).resolve():
        raise ConfigError(f"--out is the source {source}", fix="choose another --out")
    same = {
        "caption_qa": VERSION,
        "source": examples.fingerprint,
        "settings": to_dict(settings),
        "llm": "" if llm is None else _asked_how(llm),
        "prompts": {} if llm is None else PROMPTS,
    }
    out.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(examples), settings.rows_per_shard)
    paths = [out / f"data-{number:05d}.parquet" for number in range(len(starts))]
    with only_writer(out):
        _refuse_others(out, same, len(starts))
        tasks = [
            _Task(source.resolve(), path.resolve(), start, settings, llm, same)  # workers have folders of their own
            for path, start in zip(paths, starts, strict=True)
            if not path.is_file()
        ]
        if tasks:
            (out / MANIFEST).unlink(missing_ok=True)  # it does not vouch for what is being made
        run_shards(_make, tasks, executor=executor, workers=workers)
        totals = Counter[str]()
        for path in paths:
            totals.update((read_metadata(path) or {})["counts"])
        dropped = {
            name.removeprefix("dropped."): count for name, count in totals.items() if name.startswith("dropped.")
        }
        counts = {name: count for name, count in sorted(totals.items()) if not name.startswith("dropped.")}
        dropped = dict(sorted(dropped.items()))
        shards = tuple(shard_info(path) for path in paths)
        manifest = Manifest(shards=shards, made_by={**same, "counts": counts, "dropped": dropped})
        manifest.save(out)
    kept = len(paths) - len(tasks)
    return Report(folder=out, manifest=manifest, made=len(tasks), kept=kept, counts=counts, dropped=dropped)


def _totals(paths: Sequence[Path]) -> tuple[dict[str, int], dict[str, int]]:
    """What the footers of all shards counted: what there is, and what was dropped by reason."""
    totals = Counter[str]()
    for path in paths:
        totals.update((read_metadata(path) or {})["counts"])
    mark = "dropped."
    counts = {name: count for name, count in sorted(totals.items()) if not name.startswith(mark)}
    return counts, {name.removeprefix(mark): count for name, count in sorted(totals.items()) if name.startswith(mark)}


@dataclass(frozen=True, slots=True)
class _Task:
    """A shard to make, somewhere: the captions of ``source`` from ``start`` on."""

    source: Path
    path: Path
    start: int
    settings: CaptionQA
    llm: LLMSettings | None
    same: Mapping[str, Any]


def _make(task: _Task) -> None:
    examples = open_dataset(task.source)
    stop = min(task.start + task.settings.rows_per_shard, len(examples))
    with contextlib.ExitStack() as stack:
        client = None if task.llm is None else stack.enter_context(LLM(task.llm))
        some = [examples[index] for index in range(task.start, stop)]
        _shard(task.path, some, task.settings, client, task.same)


def _asked_how(llm: LLMSettings) -> str:
    return f"{llm.line()} temperature={llm.temperature} max_tokens={llm.max_tokens} seed={llm.seed}"


def _refuse_others(out: Path, same: dict[str, Any], shards: int) -> None:
    """Raise where the folder holds anything but shards of this very run; damaged ones go, to be made again."""
    names = {f"data-{number:05d}.parquet" for number in range(shards)}
    for path in sorted(out.iterdir()):
        if path.name == MANIFEST:
            continue
        if path.name.startswith(".") and path.name.endswith(".tmp"):
            path.unlink()
            continue
        metadata = read_metadata(path) if path.suffix == ".parquet" else {}
        if metadata is None and path.name in names:
            path.unlink()
            continue
        differing = [key for key, value in same.items() if not metadata or metadata.get(key) != value]
        if path.name not in names or differing:
            what = f" of another {differing[0]}" if metadata and differing else ""
            raise DataError(
                f"{out} is not empty and holds {path.name}{what}",
                fix="choose another --out, or give the same source and settings",
            )


def _shard(
    path: Path, examples: Sequence[Example], settings: CaptionQA, client: LLM | None, same: Mapping[str, Any]
) -> None:
    """Make one shard; its footer says what it came from and what was counted."""
    counts, dropped = Counter[str](examples_read=len(examples)), Counter[str]()
    captions = [_caption(example, counts) for example in examples]
    if client is not None:
        told = [number for number, caption in enumerate(captions) if caption]
        written = write_talks(
            client,
            [captions[number] for number in told],
            single=settings.single,
            turns=settings.turns,
            dropped=dropped,
            name=path.stem,
        )
        drafts = dict(zip(told, written, strict=True))
    else:
        drafts = {number: _offline(example, captions[number], settings) for number, example in enumerate(examples)}
    made = [_kept(drafts.get(number, []), settings, dropped, client is None) for number in range(len(examples))]
    counts.update(_tally(made))
    counts.update({f"dropped.{reason}": count for reason, count in dropped.items()})
    metadata = {**same, "counts": dict(counts)}
    with ShardWriter(path, metadata=metadata) as writer:
        for example, talks in zip(examples, made, strict=True):
            if talks:
                writer.add(_example(example, talks))


def _caption(example: Example, counts: Counter[str]) -> str:
    """What is written about the picture, by somebody who may be trusted; "" for none."""
    texts = [item.text.strip() for item in example.annotations if isinstance(item, Caption)]
    if not texts:
        counts["without_caption"] += 1
        return ""
    ways = example.provenance.made.get("caption") or (Made.UNKNOWN,)
    if not REFUSED.isdisjoint(ways):
        counts["untrusted_caption"] += 1
        return ""
    return max(texts, key=len)


def _offline(example: Example, caption: str, settings: CaptionQA) -> list[Talk]:
    """Gaps and questions of the graph in turn."""
    rng = derive(settings.seed, "caption qa", example.id)
    gaps, facts = cloze_talks(rng, caption), graph_talks(rng, example.facts)
    return [talk for pair in zip(_padded(gaps, facts), _padded(facts, gaps), strict=True) for talk in pair if talk]


def _padded(one: list[Talk], other: list[Talk]) -> Iterator[Talk | None]:
    yield from one
    yield from [None] * (len(other) - len(one))


def _kept(drafts: Sequence[Talk], settings: CaptionQA, dropped: Counter[str], offline: bool) -> list[Talk]:
    keeper = Keeper(dropped)
    wanted = settings.single + (settings.turns if offline else 0)
    singles = 0
    for talk in drafts:
        is_single = len(talk.turns) == 1
        if is_single and singles >= wanted:
            continue  # there are enough
        singles += keeper.add(talk) and is_single
    talks = keeper.kept
    if not offline:
        return talks
    further = talks[settings.single :]
    joined = [] if len(further) < max(settings.turns, 2) or not settings.turns else [_joined(further)]
    return [*talks[: settings.single], *joined]


def _joined(talks: Sequence[Talk]) -> Talk:
    """A conversation of several questions that a program made."""
    return dataclasses.replace(talks[0], turns=tuple(turn for talk in talks for turn in talk.turns))


def _tally(made: Sequence[Sequence[Talk]]) -> Counter[str]:
    counts = Counter[str](examples=sum(bool(talks) for talks in made))
    for talk in (talk for talks in made for talk in talks):
        counts["conversations" if len(talk.turns) > 1 else "questions"] += 1
        counts["turns"] += len(talk.turns)
        counts[f"about.{talk.how}"] += 1
    return counts


def _example(example: Example, talks: Sequence[Talk]) -> Example:
    """The picture with its talks alone; how they were made follows on how the caption was."""
    annotations = tuple(talk.annotation() for talk in talks)
    made: dict[str, tuple[Made, ...]] = {}
    receipts: dict[str, str] = {}
    for talk, annotation in zip(talks, annotations, strict=True):
        before = () if talk.how == "graph" else example.provenance.made.get("caption", ())
        ways = made.get(annotation.kind, ())
        made[annotation.kind] = (*ways, *(way for way in (*before, talk.made) if way not in ways))
        receipts |= talk.receipts
    provenance = dataclasses.replace(
        example.provenance,
        made=made,
        tool="openmolmo synth caption-qa",
        version=VERSION,
        receipts={**example.provenance.receipts, **receipts},
    )
    how = [talk.how for talk in talks]
    facts = {**example.facts, "caption_qa": how}
    return example.replace(annotations=annotations, provenance=provenance, facts=facts)
