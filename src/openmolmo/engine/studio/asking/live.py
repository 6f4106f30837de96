"""Answers of two or more models asked now, to vote on: the job ``live_answers``.

These are the models that are judged, not helpers: pictures are sent to them, and nothing that they say becomes data to
train on. A model is a line ``NAME=openai:MODEL@http://host:8000/v1``. What they answered lies in ``answers/`` of the
studio's folder, in the form of answer files, and becomes pairs as such a file does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.errors import ConfigError, RunError
from openmolmo.core.files import atomic_file, sha256_bytes
from openmolmo.core.optional import require
from openmolmo.engine.llm import LLMSettings, parse_llm
from openmolmo.engine.llm.settings import OPENAI_KEY, OPENAI_URL
from openmolmo.engine.studio.importing.report import ImportSettings
from openmolmo.engine.studio.importing.voting import MODE, add_votes
from openmolmo.engine.studio.jobs import BadJobError, JobContext
from openmolmo.engine.studio.store.tables import Picture
from openmolmo.pictures.addresses import to_address

__all__ = ["Live", "live_answers", "parse_models"]

_SECONDS = 300.0
_FORM = "NAME=openai:MODEL@http://host:8000/v1"


@dataclass(frozen=True, kw_only=True)
class Live:
    """A model to ask: the name under which it is rated, and where it is."""

    name: str
    settings: LLMSettings


def parse_models(lines: Sequence[str]) -> list[Live]:
    """Models of lines in the form above; ConfigError for fewer than two, or two of one name."""
    found = []
    for line in lines:
        name, equals, where = line.strip().partition("=")
        settings = parse_llm(where) if equals and name.strip() else None
        if settings is None or settings.provider != "openai":
            raise ConfigError(f"{line!r} is no model to compare", fix=f"write {_FORM}")
        found.append(Live(name=name.strip(), settings=settings))
    if len({one.name for one in found}) != len(found) or len(found) < 2:
        raise ConfigError(
            f"models to compare: {', '.join(one.name for one in found) or 'none'}",
            fix=f"give two or more of different names, each as {_FORM}",
        )
    return found


def live_answers(context: JobContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Ask every model one question about one picture; pairs of different answers become tasks. Asked once."""
    models = parse_models([str(line) for line in payload.get("models") or ()])
    with context.database.read() as rows:
        picture = rows.get(Picture, int(payload.get("picture", 0)))
        if picture is None:
            raise BadJobError("the picture of this question is not in the studio")
        project_id, path, media_type = picture.project_id, context.directory / picture.path, picture.media_type
    row = {"question_id": payload["question_id"], "image": str(path.absolute()), "question": payload["question"]}
    row["category"] = payload.get("category") or ""
    key = sha256_bytes(json.dumps([row, sorted(one.name for one in models)]).encode())[:24]
    file = context.directory / "answers" / f"live-{key}.jsonl"
    if not file.exists():
        given, faults = _ask_all(models, path, media_type, str(payload["question"]))
        if len(given) < 2:
            raise RunError(f"fewer than two models answered: {'; '.join(faults)}", fix="start their servers")
        _write(file, [{**row, "model": name, "answer": answer} for name, answer in given.items()])
    report = add_votes(context.database, context.directory, project_id, [file], ImportSettings(modes=()))
    return {"pairs": report.tasks[MODE], "file": file.name}


def _ask_all(models: Sequence[Live], path: Path, media_type: str, question: str) -> tuple[dict[str, str], list[str]]:
    """Answers by name, and what went wrong with the others."""
    picture = to_address(path.read_bytes(), media_type)
    given, faults = {}, []
    for one in models:
        try:
            given[one.name] = _ask(one.settings, picture, question)
        except RunError as error:
            faults.append(f"{one.name}: {error.message}")
    return given, faults


def _ask(settings: LLMSettings, picture: str, question: str) -> str:
    openai = require("openai", extra="llm")
    content = [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": question}]
    # A key is of its own server's: it never goes to another one.
    key = os.environ.get(OPENAI_KEY, "") if settings.url == OPENAI_URL else "none"
    try:
        with openai.OpenAI(base_url=settings.url, api_key=key, timeout=_SECONDS, max_retries=2) as client:
            reply = client.chat.completions.create(
                model=settings.model, messages=[{"role": "user", "content": content}], temperature=0, max_tokens=768
            )
        text = (reply.choices[0].message.content or "").strip()
    except openai.OpenAIError as error:
        raise RunError(f"{settings.url} did not answer: {error}") from error
    except (AttributeError, IndexError, TypeError) as error:
        raise RunError(f"{settings.url} answered with something that is no reply") from error
    if not text:
        raise RunError(f"{settings.url} answered with nothing")
    return text


def _write(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as temporary:
        temporary.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
