"""What a benchmark is: a published set, how its rows are asked, how replies are scored, what the paper scored.

BENCHMARK = Benchmark(
    name="text_vqa",
    title="TextVQA",
    source="text_vqa",
    splits={"validation": 5000},
    settings=RequestSettings(style="text_vqa", instruction=SHORT),
    ask=ask_short("question", "answers", key="question_id"),
    score=score_vqa,
    metrics=("vqa_score",),
    suites=("academic11",),
    published="text_vqa",
)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError
from openmolmo.core.registry import Registry
from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.captions.asking import Judge
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.tasks.base import Question
from openmolmo.records.example import ImageRef, Split

__all__ = ["BENCHMARKS", "COUNTING_TOKENS", "SUITES", "Asked", "Benchmark", "Reference", "RequestSettings", "Scored"]

SUITES = ("academic11", "skills")
"""Groups of benchmarks: those of the paper's average, and what it judges apart."""

COUNTING_TOKENS = 192
"""For points and counts; with the 12 of short answers a reply that points first is cut before its total."""

_TOKENS = 12  # of all other benchmarks, as in the published evaluation
_CROPS = 36  # of all but counting and pointing, which want the number of the training (arXiv 2409.17146, table 12)


@dataclass(frozen=True, kw_only=True)
class RequestSettings(Config):
    """How a benchmark is put to a model.

    ``style``: the tag that our models and the released ones read; None: none. ``instruction``: what stands for the
    tag where a model knows none. ``max_crops``: into how many crops a picture is cut; ``max_new_tokens``: where
    replies are cut. ``pictures``: of a question with several, the first or all of them.
    """

    style: str | None
    instruction: str = ""
    max_crops: int = _CROPS
    max_new_tokens: int = _TOKENS
    pictures: Literal["first", "all"] = "first"

    def __post_init__(self) -> None:
        for name in ("max_crops", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a reply is scored against: ``answers``, one or several; of a choice the ``options`` as texts, the ``names``
    by which a reply chooses them, and which is ``right``. ``facts``: whatever else the metric wants.
    """

    answers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    right: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of a row. ``truth`` None: its answer is with a server.

    ``reply`` is what a perfect model writes, ``group`` the row of the breakdown, ``key`` the question's published
    number. ``style`` and ``instruction``: where they are not those of the settings. ``images``: where they are not
    the row's picture alone.
    """

    text: str
    truth: Any
    reply: str
    group: str = ""
    key: str | int | None = None
    style: str | None = None
    instruction: str | None = None
    images: tuple[ImageRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """A question that was answered, and its scores."""

    question: Question
    scores: Mapping[str, float]


Ask = Callable[[SourceRow, RequestSettings], Iterable[Asked]]
Score = Callable[[Question, str, Profile], dict[str, float]]
Summary = Callable[[Sequence[Scored]], dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One file and one entry point in the group ``openmolmo.benchmarks`` adds a benchmark.

    ``source`` names the published set, ``form`` and ``repo`` what of it (``repo``: another copy on the hub).
    ``splits``: the number of questions of each, None where it is not known; the first is judged unless another is
    asked for. ``parts``: configurations that are opened one by one, with their numbers. ``score`` gives ``metrics``,
    each in 0-1, the headline first; ``summary`` numbers that are no means over questions. ``submission``: the field
    of a question's number in the file that a server takes. ``published``: the key of the paper's scores (Table 1 of
    arXiv 2409.17146), ``paper_split`` what those are of where it is not the first split here. ``fetched``: pictures
    come by address, so that some are lost, which no protocol counts as wrong. ``by_judge`` scores with a text-only
    judge instead of ``score``, no numbers at all where it gave no verdict. ``needs_judge``: there is no other way.
    ``judge``: who does it, where somebody does.
    """

    name: str
    title: str
    source: str
    splits: Mapping[Split, int | None]
    settings: RequestSettings
    ask: Ask
    score: Score
    metrics: tuple[str, ...]
    form: str | None = None
    repo: str | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    summary: Summary | None = None
    submission: str | None = None
    suites: tuple[str, ...] = ()
    published: str | None = None
    paper_split: str = ""
    fetched: bool = False
    note: str = ""
    by_judge: Callable[[Judge], Score] | None = None
    needs_judge: bool = False
    judge: str = ""

    def __post_init__(self) -> None:
        if not self.splits or not self.metrics:
            raise ConfigError(f"the benchmark {self.name} has no splits, or no metrics", fix="give one of each")

    @property
    def headline(self) -> str:
        """The metric that stands in tables."""
        return self.metrics[0]

    @property
    def split(self) -> Split:
        """The split that is judged unless another is asked for."""
        return next(iter(self.splits))

    def judged_by(self, judge: Judge) -> Benchmark:
        """The benchmark with a judge, where it has a use for one."""
        if self.by_judge is None:
            return self
        return replace(self, score=self.by_judge(judge), judge=judge.identity)

    def unreadable_is_wrong(self, profile: Profile) -> bool:
        """Whether a question whose picture cannot be read counts as wrong.

        The published code judges only what it could read when it made its data; by the protocols of sets that bring
        their pictures with them every question counts.
        """
        return profile == "official" and not self.fetched


BENCHMARKS: Registry[Benchmark] = Registry("benchmark")
"""Benchmarks by name; entry points of the group ``openmolmo.benchmarks``."""
