"""What the commands do once they know what is asked: load the model, ask, show or write the answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from openmolmo.core.errors import OpenMolmoError, RunError
from openmolmo.core.files import atomic_file
from openmolmo.inference.answer import Answer
from openmolmo.inference.jobs import answer_into
from openmolmo.inference.request_file import Asked
from openmolmo.inference.requests import Request

__all__ = ["Settings", "Shown", "answer_file", "show_answers"]

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which model answers, and how it decodes."""

    model: str
    tokenizer: str | None
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int
    batch_size: int
    device: str | None
    dtype: str | None
    resize: Literal["exact", "fast"] | None
    compile: bool
    alone: bool = False
    """Whether this process is for nothing else than these answers."""

    def load(self) -> Any:
        """The predictor; errors of settings come before those of the model."""
        if self.alone and not self.compile:
            from openmolmo.inference.lean import import_lean

            import_lean()
        from openmolmo.inference.cache import CacheConfig
        from openmolmo.inference.load import load
        from openmolmo.inference.sampling import Sampling

        sampling = Sampling(temperature=self.temperature, top_p=self.top_p, seed=self.seed)
        return load(
            self.model,
            tokenizer=self.tokenizer,
            device=self.device,
            dtype=self.dtype,
            resize_mode=self.resize,
            batch_size=self.batch_size,
            max_new_tokens=self.max_new_tokens,
            sampling=sampling,
            cache=CacheConfig(kind="static", compile="default") if self.compile else None,
        )

    def of_answers(self) -> dict[str, Any]:
        """What makes answers different from those of other settings."""
        values = {name: getattr(self, name) for name in ("max_new_tokens", "temperature", "top_p", "seed", "dtype")}
        return values if self.resize is None else {**values, "resize": self.resize}


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
    outcome = answer_into(out, asked, settings.load(), settings.of_answers())
    click.echo(f"{out}: {outcome.answered} answered, {outcome.before} were there already", err=True)
    if outcome.failed:
        name, reason = next(iter(outcome.failed.items()))
        raise RunError(
            f"{len(outcome.failed)} of {len(asked)} requests failed, first {name!r}: {reason}",
            fix=f"the lines of {out} with an error say why; the same command tries those again",
        )


def show_answers(pictures: Sequence[str], requests: Sequence[Request], shown: Shown, settings: Settings) -> None:
    """Check everything that can be wrong, load the model, ask about every picture, show the answers."""
    from openmolmo.imaging import open_image

    targets = _targets(pictures, shown.out)
    for picture in pictures:
        open_image(picture)  # a bad picture is reported before the model is loaded
    predictor = settings.load()
    several = len(pictures) > 1
    if shown.stream:
        answers = [_stream(predictor, r, f"{p}: " if several else "") for p, r in zip(pictures, requests, strict=True)]
    else:
        answers = predictor.answer_batch(requests)
    if shown.as_json:
        values = [{"image": i, "model": settings.model, **a.to_json()} for i, a in zip(pictures, answers, strict=True)]
        click.echo(json.dumps(values if several else values[0], indent=2, ensure_ascii=False))
    for picture, answer, target in zip(pictures, answers, targets, strict=True):
        if not shown.as_json:
            _show(f"{picture}: " if several else "", answer, shown)
        if not answer.finished:
            click.echo(f"note: cut after {settings.max_new_tokens} tokens; --max-new-tokens N gives more", err=True)
        if target is not None:
            _draw(picture, answer, target)


def _stream(predictor: Any, request: Request, before: str) -> Answer:
    click.echo(before, nl=False)
    for piece in predictor.stream(request):
        click.echo(piece.text, nl=False)
    click.echo()
    answer: Answer = piece.answer
    return answer


def _show(before: str, answer: Answer, shown: Shown) -> None:
    from openmolmo.prompting.points import without_points

    if not shown.stream:
        click.echo(before + without_points(answer.text))
    elif answer.points and before:
        click.echo(before.rstrip())
    for number, found in enumerate(answer.points, start=1):
        place = f"{found.x:5.1f} % {found.y:5.1f} %   pixel {found.x_pixel}, {found.y_pixel}"
        click.echo(f"  {number:2d}  {place}   {found.label}")
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


def _draw(picture: str, answer: Answer, target: Path) -> None:
    """Write the annotated picture; without a point there is nothing to draw, and that is an error."""
    from openmolmo.imaging import open_image
    from openmolmo.inference.draw import draw_points

    if not answer.points:
        raise OpenMolmoError(f"no points were found in {picture}, so {target} was not written")
    with atomic_file(target) as temporary:
        draw_points(open_image(picture), answer.points).save(temporary, format=_FORMATS[target.suffix.lower()])
    click.echo(f"points drawn: {target}", err=True)
