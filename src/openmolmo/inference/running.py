"""What the commands do once they know what is asked: load the model, ask, show or write the answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openmolmo.core.console import counted
from openmolmo.core.errors import ImageError, RunError
from openmolmo.core.files import atomic_file, require_writable
from openmolmo.inference.jobs import answer_into
from openmolmo.inference.request_file import Asked
from openmolmo.inference.settings import Settings
from openmolmo.words.answer import UNLIKE, Answer
from openmolmo.words.requests import Request

if TYPE_CHECKING:
    from openmolmo.inference.at_scale.job import Workers

__all__ = ["Shown", "answer_file", "answer_folder", "show_answers"]

_TOLD = 5  # failures that are named on the terminal; the file names all
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How answers are shown: as JSON, while they come, with a count, with the points drawn to a file or folder."""

    as_json: bool
    stream: bool
    counting: bool
    out: Path | None


def answer_file(asked: Sequence[Asked], out: Path, settings: Settings) -> None:
    """Answer into a file of JSON lines; RunError at the end where requests failed."""
    if out.is_dir():
        raise RunError(f"{out} is a folder; answers go to a file", fix="give a file's name, e.g. answers.jsonl")
    require_writable(out)
    predictor = settings.load()
    outcome = answer_into(out, asked, predictor, settings.of_answers())
    click.echo(f"{out}: {outcome.answered} answered, {outcome.before} were there already", err=True)
    if outcome.unlike:
        click.echo(
            f"note: {outcome.unlike} of these are about pictures unlike what this model knows (out_of_world is above "
            f"{UNLIKE:g} in their lines): the answers may be wrong.",
            err=True,
        )
    if outcome.failed:
        told = [f"{name!r}: {reason}" for name, reason in list(outcome.failed.items())[:_TOLD]]
        more = [f"{len(outcome.failed) - _TOLD} more"] if len(outcome.failed) > _TOLD else []
        raise RunError(
            f"{len(outcome.failed)} of {len(asked)} requests failed: {'; '.join([*told, *more])}",
            fix=f"the lines of {out} with an error say why; the same command tries those again",
        )


def answer_folder(
    requests: Path, out: Path, settings: Settings, workers: Workers, rows_per_shard: int, default: dict[str, Any]
) -> None:
    """Answer into a folder of files; RunError at the end where requests failed."""
    from openmolmo.inference.at_scale.job import answer_at_scale

    if out.is_file():
        raise RunError(f"{out} is a file; these answers go to a folder", fix="give a folder's name, e.g. answers")
    require_writable(out / "answers-000000.jsonl")
    done = answer_at_scale(requests, out, settings, workers, rows_per_shard=rows_per_shard, default=default)
    click.echo(f"{out}: {done.answered} answered, {done.before} were there already", err=True)
    if done.failed:
        more = [f"{done.failed - len(done.told)} more"] if done.failed > len(done.told) else []
        raise RunError(
            f"{done.failed} requests failed: {'; '.join([*done.told, *more])}",
            fix=f"the lines of {out}/answers-*.jsonl with an error say why; the same command tries those again",
        )


def show_answers(pictures: Sequence[str], requests: Sequence[Request], shown: Shown, settings: Settings) -> None:
    """Check everything that can be wrong, load the model, ask about every picture, show the answers."""
    targets = _targets(pictures, shown.out)
    if targets[0] is not None:
        require_writable(targets[0])
    wrong = _unreadable(pictures)
    good = [place for place, picture in enumerate(pictures) if picture not in wrong]
    requests = [requests[place] for place in good]
    predictor = settings.load()
    several = len(pictures) > 1
    if shown.stream:
        before = [f"{pictures[place]}: " if several else "" for place in good]
        answers = [_stream(predictor, r, b) for b, r in zip(before, requests, strict=True)]
    else:
        answers = predictor.answer_batch(requests)
    if shown.as_json:
        found = {place: answer.to_json() for place, answer in zip(good, answers, strict=True)}
        values = [
            {"image": name, "model": settings.model, **(found.get(place) or _fault(wrong[name]))}
            for place, name in enumerate(pictures)
        ]
        click.echo(json.dumps(values if several else values[0], indent=2, ensure_ascii=False))
    undrawn: list[str] = []
    for place, answer in zip(good, answers, strict=True):
        picture, target = pictures[place], targets[place]
        if not shown.as_json:
            _show(f"{picture}: " if several else "", answer, shown)
        _tell_doubts(picture, answer, several)
        if not answer.finished:
            click.echo(f"note: cut after {settings.max_new_tokens} tokens; --max-new-tokens N gives more", err=True)
        if target is not None and not _draw(picture, answer, target):
            undrawn.append(f"no points were found in {picture}, so {target} was not written")
    if wrong:
        undrawn.insert(
            0,
            f"{len(wrong)} of {len(pictures)} pictures could not be read: "
            + "; ".join(error.message for error in wrong.values()),
        )
        raise RunError("; ".join(undrawn), fix="the others were answered; mend or leave out these")
    if undrawn:
        raise RunError("; ".join(undrawn))


def _tell_doubts(picture: str, answer: Answer, several: bool) -> None:
    """What may be wrong with an answer, beside it."""
    if answer.unlike:
        click.echo(
            f"note: This picture is unlike what this model knows ({answer.out_of_world:.2f}): the answer may be "
            f"wrong.{f'  {picture}' if several else ''}",
            err=True,
        )
    if answer.dropped:
        one = answer.dropped == 1
        click.echo(
            f"note: {counted(answer.dropped, 'point')} of the reply {'lies' if one else 'lie'} outside the picture "
            f"and {'is' if one else 'are'} left out: {picture}",
            err=True,
        )


def _unreadable(pictures: Sequence[str]) -> dict[str, ImageError]:
    """What is wrong with each picture that is no good, found before a model is loaded; raised where none is good."""
    from openmolmo.pictures import verify

    wrong: dict[str, ImageError] = {}
    for picture in dict.fromkeys(pictures):
        try:
            verify(picture)
        except ImageError as error:
            wrong[picture] = error
    if wrong and len(wrong) == len(set(pictures)):
        raise next(iter(wrong.values()))
    return wrong


def _fault(error: ImageError) -> dict[str, Any]:
    return {"error": error.message, "kind": type(error).__name__}


def _stream(predictor: Any, request: Request, before: str) -> Answer:
    click.echo(before, nl=False)
    for piece in predictor.stream(request):
        click.echo(piece.text, nl=False)
    click.echo()
    answer: Answer = piece.answer
    return answer


def _show(before: str, answer: Answer, shown: Shown) -> None:
    from openmolmo.words.points import without_points

    if not shown.stream:
        click.echo(before + without_points(answer.text))
    elif answer.points and before:
        click.echo(before.rstrip())
    for number, found in enumerate(answer.points, start=1):
        place = f"{found.x:5.1f} % {found.y:5.1f} %   pixel {found.x_pixel}, {found.y_pixel}"
        sure = "" if found.confidence is None else f"   confidence {found.confidence:.2f}"
        click.echo(f"  {number:2d}  {place}{sure}   {found.label}")
    if shown.counting:
        click.echo(f"count: {'no number could be read' if answer.count is None else answer.count}")


def _targets(pictures: Sequence[str], out: Path | None) -> list[Path | None]:
    """Where each annotated picture goes; for several pictures ``out`` is a folder."""
    if out is None:
        return [None] * len(pictures)
    if len(pictures) > 1:
        if out.is_file() or out.suffix.lower() in _FORMATS:
            raise click.UsageError(f"{len(pictures)} pictures are given, so --out must be a folder, not {out}")
        # Numbered, since pictures of different folders may share a name.
        return [out / f"{number}-{Path(picture).stem}.png" for number, picture in enumerate(pictures, start=1)]
    if out.is_dir():
        return [out / f"{Path(pictures[0]).stem}-points.png"]
    if out.suffix.lower() not in _FORMATS:
        raise click.UsageError(f"--out {out}: the name must end in {', '.join(_FORMATS)} or .jsonl")
    return [out]


def _draw(picture: str, answer: Answer, target: Path) -> bool:
    """Write the annotated picture; False where there is nothing to draw, and the model did not say so."""
    from openmolmo.inference.draw import draw_points
    from openmolmo.pictures import open_image

    if not answer.points:
        if answer.count != 0:
            return False
        click.echo(f"note: there are none in {picture}, so {target} was not written", err=True)
        return True
    with atomic_file(target) as temporary:
        draw_points(open_image(picture), answer.points).save(temporary, format=_FORMATS[target.suffix.lower()])
    click.echo(f"points drawn: {target}", err=True)
    return True
