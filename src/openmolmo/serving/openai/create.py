"""``create_app(models)``: the application, put together around what answers. Nothing listens here."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from openmolmo.serving.backend import Backend
from openmolmo.serving.keys import Keys
from openmolmo.serving.openai import chat, completions, plain, responses
from openmolmo.serving.openai.context import Context
from openmolmo.serving.openai.failures import answer_failures
from openmolmo.serving.openai.guard import Guard
from openmolmo.serving.openai.metrics import Metrics
from openmolmo.serving.openai.settings import ModelCard, ServeSettings

__all__ = ["create_app"]


def create_app(
    models: Mapping[str, Backend],
    settings: ServeSettings | None = None,
    cards: Mapping[str, ModelCard] | None = None,
) -> FastAPI:
    """The application for models by name, the first of which answers requests that name none.

    ``cards``: what is told of the models. Backends are closed when the application ends.
    """
    assert models
    settings = settings or ServeSettings()
    context = Context(
        models=models,
        cards=cards or {},
        settings=settings,
        keys=Keys(settings.keys, settings.key_file),
        metrics=Metrics(models),
        begun=time.time(),
    )

    @contextlib.asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        for backend in models.values():
            await backend.close()

    app = FastAPI(title="openmolmo", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.state.context = context
    answer_failures(app)
    app.add_middleware(Guard, context=context)
    if settings.allow_origins:  # around the guard, so that pages can read what it refuses
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.allow_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    for part in (chat, responses, completions, plain):
        app.include_router(part.router)
    return app
