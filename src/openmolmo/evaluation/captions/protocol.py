"""One caption judged by three calls, and all captions of a file.

1. the judge splits the caption into statements
2. it says which of the reference's statements the caption states         -> recall
3. it says which of the caption's statements the transcripts bear out     -> precision
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from openmolmo.core.errors import DataError, OpenMolmoError, RunError
from openmolmo.core.progress import track
from openmolmo.evaluation.captions.asking import Judge
from openmolmo.evaluation.captions.caption_file import GivenCaption
from openmolmo.evaluation.captions.reference import Reference
from openmolmo.evaluation.metrics.caption_f1 import CaptionCounts

__all__ = ["Judged", "JudgedCaption", "judge_all", "judge_caption"]

_IN_A_ROW = 5  # captions that a judge may fail on, one after another, before it is taken to be down


@dataclass(frozen=True, kw_only=True)
class JudgedCaption:
    """One caption, its statements with their labels, and the reference's; a label that could not be read is None."""

    caption: GivenCaption
    reference: tuple[str, ...]
    covered: tuple[bool | None, ...]
    statements: tuple[str, ...]
    consistent: tuple[bool | None, ...]
    counts: CaptionCounts


@dataclass(frozen=True, kw_only=True)
class Judged:
    """All captions: those judged, and why others were not: ``unjudged`` by key, ``unknown`` ids of other pictures,
    ``missing`` pictures without a caption."""

    captions: tuple[JudgedCaption, ...]
    unjudged: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def judge_caption(judge: Judge, reference: Reference, caption: GivenCaption) -> JudgedCaption:
    """The three calls, and a fourth for a picture whose reference has no statements yet."""
    known = reference.statements
    if known is None:
        known = tuple(judge.statements("\n\n".join(reference.transcripts)))
    own = tuple(judge.statements(caption.text))
    covered = judge.covered(known, caption.text) if known else None
    consistent = judge.consistent(reference.transcripts, own) if own else None
    counts = CaptionCounts(
        reference=covered.read if covered else 0,
        covered=covered.positive if covered else 0,
        stated=consistent.read if consistent else 0,
        consistent=consistent.positive if consistent else 0,
    )
    return JudgedCaption(
        caption=caption,
        reference=known,
        covered=covered.values if covered else (),
        statements=own,
        consistent=consistent.values if consistent else (),
        counts=counts,
    )


def judge_all(
    judge: Judge, references: dict[str, Reference], captions: Sequence[GivenCaption], *, workers: int = 1
) -> Judged:
    """Judge every caption of a picture that has a reference; ``workers`` are asked at the same time.

    One that cannot be judged takes no other with it. Raises DataError where no caption is of a known picture, RunError
    where the judge fails on several in a row: what was answered is in its cache.
    """
    wanted = [caption for caption in captions if caption.id in references]
    unknown = tuple(caption.id for caption in captions if caption.id not in references)
    if not wanted:
        raise DataError(
            f"none of {len(captions)} captions is of a picture in the data set (such as {captions[0].id!r})",
            fix=f"ids there are such as {next(iter(references))!r}",
        )
    found: list[JudgedCaption] = []
    unjudged: dict[str, str] = {}
    in_a_row = 0

    def one(caption: GivenCaption) -> JudgedCaption | OpenMolmoError:
        try:
            return judge_caption(judge, references[caption.id], caption)
        except RunError as error:
            return error

    with ThreadPoolExecutor(max_workers=workers) as pool:
        verdicts = pool.map(one, wanted)
        for caption, verdict in zip(wanted, track(verdicts, "judging captions", len(wanted)), strict=True):
            if isinstance(verdict, JudgedCaption):
                found.append(verdict)
                in_a_row = 0
                continue
            unjudged[caption.key] = verdict.message
            in_a_row += 1
            if in_a_row >= min(_IN_A_ROW, len(wanted)):
                pool.shutdown(wait=False, cancel_futures=True)
                raise RunError(
                    f"the judge {judge.name} failed on {in_a_row} captions in a row: {verdict.message}",
                    fix="see that it answers, then run the same command again: what was answered is kept in --cache",
                )
    given = {caption.id for caption in wanted}
    missing = tuple(name for name in references if name not in given)
    return Judged(captions=tuple(found), unjudged=unjudged, unknown=unknown, missing=missing)
