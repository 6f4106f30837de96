"""Addresses without a reply of a model: models, tokens, health, version, figures."""

from __future__ import annotations

import asyncio
from importlib.metadata import version as version_of
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from openmolmo.core.errors import UnavailableError
from openmolmo.serving.openai.context import Context, context_of
from openmolmo.serving.openai.failures import APIError, invalid
from openmolmo.serving.openai.messages import check_text
from openmolmo.serving.openai.reading import read_body
from openmolmo.serving.openai.schemas import Detokenize, Tokenize
from openmolmo.serving.openai.settings import ModelCard

__all__ = ["router"]

router = APIRouter()


@router.get("/v1/models")
async def models(request: Request) -> Response:
    """Every model, with what it knows."""
    context = context_of(request)
    return JSONResponse({"object": "list", "data": [_model(context, name) for name in context.models]})


@router.get("/v1/models/{name:path}")
async def model(request: Request, name: str) -> Response:
    """One model."""
    context = context_of(request)
    context.backend(name)
    return JSONResponse(_model(context, name))


def _model(context: Context, name: str) -> dict[str, Any]:
    card = context.cards.get(name, ModelCard())
    about = {
        "description": card.description,
        "knows": card.knows,
        "max_crops": card.max_crops,
        "context": card.context,
    }
    entry = {"id": name, "object": "model", "created": int(context.begun), "owned_by": "openmolmo"}
    return {**entry, "max_model_len": card.context, "openmolmo": about}


@router.post("/tokenize")
async def tokenize(request: Request) -> Response:
    """The ids of a text, without those that begin a prompt."""
    context = context_of(request)
    body = await read_body(request, Tokenize, context.settings)
    name, backend = context.backend(body.model)
    check_text((body.prompt,), context.settings, "prompt")
    ids = list(await asyncio.to_thread(backend.tokenize, body.prompt, begin=body.add_special_tokens))
    length = context.cards.get(name, ModelCard()).context
    return JSONResponse({"count": len(ids), "max_model_len": length, "tokens": ids, "token_strs": None})


@router.post("/detokenize")
async def detokenize(request: Request) -> Response:
    """The text of ids."""
    context = context_of(request)
    body = await read_body(request, Detokenize, context.settings)
    if any(not 0 <= one < 2**31 for one in body.tokens):
        raise invalid("tokens must be ids of 0 or more", "tokens")
    _, backend = context.backend(body.model)
    return JSONResponse({"prompt": await asyncio.to_thread(backend.detokenize, body.tokens)})


@router.get("/health")
async def health(request: Request) -> Response:
    """200 while the server takes requests; 503 when it stops or a model is lost."""
    context = context_of(request)
    if context.stopping:
        raise APIError(503, "the server is stopping", code="stopping")
    for name, backend in context.models.items():
        try:
            backend.load()
        except UnavailableError:
            raise APIError(503, f"the model {name} cannot answer now", code="unavailable") from None
    return JSONResponse({"status": "ok"})


@router.get("/version")
async def version() -> Response:
    """Of this project."""
    return JSONResponse({"version": version_of("openmolmo")})


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Figures, as Prometheus reads them."""
    return Response(context_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
