"""From boxes to records: counts with points, in a training set and in balanced sets for validation and test."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.executors import Executor
from openmolmo.core.files import only_writer, sha256_bytes, write_json
from openmolmo.engine.count.choosing import Chosen, Refusal, Rules, choose, plural
from openmolmo.engine.count.detectors import build_detector
from openmolmo.engine.count.finding import Looked, find_boxes
from openmolmo.pictures import pictures_in
from openmolmo.records.example import Counting, Example, ImageRef, Made, Point, Provenance, Split
from openmolmo.records.shards import write_dataset

__all__ = ["CountReport", "CountSettings", "make_counts"]

_SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_LEFT_FOR_TRAINING = 3
"""Of the pictures of a count, at most this part goes into validation, and as many into test."""


@dataclass(frozen=True, kw_only=True)
class CountReport:
    """``kept``: pictures by split and count. ``dropped``: pictures by the reason why they give no count."""

    pictures: int
    looked_at: int
    kept: Mapping[Split, Mapping[int, int]]
    dropped: Mapping[str, int]
    wanted: int


@dataclass(frozen=True, kw_only=True)
class CountSettings:
    """What is looked for and kept.

    ``detector``: a name of ``DETECTORS``, with its ``options``. ``held_out``: pictures of each count in validation,
    and as many in test; equal for every count, so the rarest one limits them. ``licence``: of the pictures.
    """

    detector: str = "opencv"
    options: Mapping[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    held_out: int = 0
    licence: str = "unknown"

    def __post_init__(self) -> None:
        if self.held_out < 0:
            raise ConfigError(f"held_out is {self.held_out}, must be at least 0")


def make_counts(
    folder: Path,
    out: Path,
    settings: CountSettings | None = None,
    *,
    workers: int = 1,
    executor: Executor = "processes",
    on_done: Callable[[int], None] = lambda pictures: None,
) -> CountReport:
    """Count in the pictures of ``folder``; writes ``out/train``, ``out/validation``, ``out/test`` and a report.

    Boxes stay in ``out/boxes``: other rules need no new look at the pictures. No picture at all is a DataError.
    """
    settings = settings or CountSettings()
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder", fix="give the folder in which the pictures are")
    if not pictures_in(folder).paths:
        raise DataError(f"{folder} holds no picture", fix="give the folder in which the pictures are")
    build_detector(settings.detector, settings.options)  # wrong options are told before anything is done
    out.mkdir(parents=True, exist_ok=True)
    with only_writer(out):
        return _make(folder, out, settings, workers, executor, on_done)


def _make(
    folder: Path,
    out: Path,
    settings: CountSettings,
    workers: int,
    executor: Executor,
    on_done: Callable[[int], None],
) -> CountReport:
    engine = build_detector(settings.detector, settings.options)
    new = 0

    def tell(pictures: int) -> None:
        nonlocal new
        new += pictures
        on_done(pictures)

    looked = find_boxes(
        folder, out / "boxes", (settings.detector, settings.options), workers=workers, executor=executor, on_done=tell
    )
    chosen, dropped = _choose_all(looked, settings.rules, list(engine.labels))
    splits = _split(chosen, settings.held_out)
    provenance = Provenance(
        dataset=f"counts-{folder.resolve().name}",
        licence=settings.licence,
        made={"counting": (Made.DETECTOR,)},
        tool=f"openmolmo synth count, {settings.detector}",
        version=repr(engine),
    )
    kept: dict[Split, Mapping[int, int]] = {}
    for split in _SPLITS:
        members = [one for one in chosen if splits[one[0].sha256] == split]
        counts = Counter(len(found.boxes) for _, found in members)
        if members:
            examples = _examples(folder, members, split, provenance, dropped, counts)
            write_dataset(
                out / split, examples, prefix=split, made_by={"detector": repr(engine), **asdict(settings.rules)}
            )
        kept[split] = dict(sorted((count, number) for count, number in counts.items() if number))
    report = CountReport(
        pictures=len(looked), looked_at=new, kept=kept, dropped=dict(dropped.most_common()), wanted=settings.held_out
    )
    write_json(out / "report.json", asdict(report))
    return report


Member = tuple[Looked, Chosen]


def _choose_all(looked: list[Looked], rules: Rules, labels: list[str]) -> tuple[list[Member], Counter[str]]:
    """What is counted in each picture, by hash: no picture is counted twice under two names."""
    found: dict[str, Member] = {}
    dropped: Counter[str] = Counter()
    for one in looked:
        decision = choose(one, rules, labels)
        if isinstance(decision, Refusal):
            dropped[decision.reason] += 1
        elif one.sha256 in found:
            dropped["the same picture again"] += 1
        else:
            found[one.sha256] = (one, decision)
    return [found[digest] for digest in sorted(found)], dropped


def _split(members: list[Member], held_out: int) -> dict[str, Split]:
    """Which split each picture, by its hash, is in: equal numbers of every count in validation and test."""
    groups: dict[int, list[str]] = defaultdict(list)
    for looked, chosen in members:  # in order of their hashes, which is as good as chance
        groups[len(chosen.boxes)].append(looked.sha256)
    each = min([held_out, *(len(group) // _LEFT_FOR_TRAINING for group in groups.values())])
    splits: dict[str, Split] = {}
    for group in groups.values():
        for place, digest in enumerate(group):
            splits[digest] = "validation" if place < each else "test" if place < 2 * each else "train"
    return splits


def _examples(
    folder: Path,
    members: list[Member],
    split: Split,
    provenance: Provenance,
    dropped: Counter[str],
    counts: Counter[int],
) -> Iterator[Example]:
    """One example for each picture that is still as it was looked at."""
    for looked, chosen in members:
        try:
            data = (folder / looked.path).read_bytes()
        except OSError:
            data = b""
        if sha256_bytes(data) != looked.sha256:
            dropped["changed while it was counted"] += 1
            counts[len(chosen.boxes)] -= 1
            continue
        points = tuple(
            Point(
                round((box.left + box.right) / 2 / looked.width * 100, 2),
                round((box.top + box.bottom) / 2 / looked.height * 100, 2),
            )
            for box in chosen.boxes
        )
        yield Example(
            id=f"count-{looked.sha256[:20]}",
            image=ImageRef(
                data=data, path=Path(looked.path).name, width=looked.width, height=looked.height, sha256=looked.sha256
            ),
            annotations=(Counting(label=plural(chosen.label), count=len(points), points=points),),
            provenance=provenance,
            split=split,
            facts={"boxes": [asdict(box) for box in chosen.boxes], "file": looked.path},
        )
