"""The addresses of the chat page: ``/``, and its files under ``/chat/``."""

from __future__ import annotations

import io
import json
from functools import cache
from importlib import resources

from fastapi import APIRouter, FastAPI, Request
from PIL import Image, ImageOps
from starlette.exceptions import HTTPException
from starlette.responses import Response

from openmolmo.core.pages import page_environment
from openmolmo.core.web import page_headers
from openmolmo.engine.studio.catalogue import LOCALES, Catalogue, negotiate
from openmolmo.words.templates import WordingKind, wording

__all__ = ["CONTENT_POLICY", "mount_chat"]

PACKAGE = "openmolmo.serving.chat"
SAMPLES = {"keys.jpg": "key", "stars.jpg": "star", "fish.jpg": "fish"}
"""Drawn pictures to begin with, those of the studio's sample project, and what to point at in each."""

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""No script, style or connection but this server's own, nothing inline; pictures that the visitor gave."""

_HEADERS = {
    "Cache-Control": "no-cache",  # an update is seen at once
    **page_headers(uses="camera", referrer="same-origin", policy=CONTENT_POLICY),
}

_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "jpg": "image/jpeg"}


def mount_chat(app: FastAPI) -> None:
    """Add the page at ``/`` and its files under ``/chat/``; they show nothing of the models, so no key guards them."""
    app.include_router(_router())


def _router() -> APIRouter:
    router = APIRouter(include_in_schema=False)
    files = _files()

    @router.get("/")
    def page(request: Request, lang: str = "") -> Response:
        locale = lang if lang in LOCALES else negotiate(request.headers.get("accept-language", ""))
        headers = {**_HEADERS, "Vary": "Accept-Language"}
        return Response(_page(locale), media_type="text/html", headers=headers)

    @router.get("/chat/{name}")
    def file(name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        return Response(files[name], media_type=_TYPES[name.rpartition(".")[2]], headers=_HEADERS)

    return router


@cache
def _files() -> dict[str, bytes]:
    """What stands under ``/chat/``, by name: a name that was asked for is never made into a path."""
    studio = resources.files("openmolmo.engine.studio")
    shared = resources.files("openmolmo.core.pages")
    folders = (shared / "static", resources.files(PACKAGE) / "static")
    files = {file.name: file.read_bytes() for folder in folders for file in folder.iterdir()}
    files["page.css"] = (shared / "page.css").read_bytes()
    files["icon.svg"] = (studio / "app" / "static" / "icon.svg").read_bytes()
    for name in SAMPLES:
        files[name] = (studio / "sample" / name).read_bytes()
        files[f"small-{name}"] = _small(files[name])
    return files


def _small(data: bytes) -> bytes:
    """A picture to choose by, twice as many pixels as its button is wide."""
    with Image.open(io.BytesIO(data)) as picture:
        made = io.BytesIO()
        ImageOps.fit(picture.convert("RGB"), (192, 144)).save(made, "JPEG", quality=80)
    return made.getvalue()


_NAMING: dict[str, WordingKind] = {"point": "pointing", "count": "counting"}
"""What is asked for by a label alone."""


@cache
def _page(locale: str) -> str:
    catalogue = Catalogue(locale, _texts(locale), _texts(LOCALES[0]))
    wordings = {way: wording(kind, label="{label}") for way, kind in _NAMING.items()}
    wordings["describe"] = wording("caption")
    template = page_environment(PACKAGE).get_template("chat.html.j2")
    return template.render(
        t=catalogue.text,
        locale=locale,
        locales=LOCALES,
        samples=SAMPLES,
        data={
            "texts": catalogue.for_scripts(),
            "wordings": wordings,
            "locale": locale,
        },
    )


def _texts(locale: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((resources.files(PACKAGE) / "catalogue" / f"{locale}.json").read_text("utf-8"))
    return texts
