"""The body of a request: JSON that is neither too deep nor of too many values, as the fields of a schema."""

from __future__ import annotations

import asyncio
import re
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel

from openmolmo.serving.openai.failures import APIError, invalid
from openmolmo.serving.openai.settings import ServeSettings

__all__ = ["check_json", "read_body"]

T = TypeVar("T", bound=BaseModel)

# A whole text at once, so that a picture in base64 is one step; or a sign that opens, closes or parts values.
_SIGNS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},]', re.DOTALL)


def check_json(body: bytes, *, depth: int, values: int) -> None:
    """Refuse what would take much more memory than its bytes, before it is parsed.

    ``{"a": [[1]]}`` has the depth 3. Raises :class:`APIError` 400.
    """
    deep = signs = 0
    for found in _SIGNS.finditer(body):
        sign = body[found.start()]
        if sign == 0x22:  # a text
            continue
        signs += 1
        if sign in b"[{":
            deep += 1
        elif sign in b"]}":
            deep -= 1
        if deep > depth:
            raise invalid(f"the body is nested deeper than {depth} levels", code="json_too_deep")
        if signs > values:
            raise invalid(f"the body has more than {values} values", code="json_too_many_values")


async def read_body(request: Request, schema: type[T], settings: ServeSettings) -> T:
    """The body as ``schema``. Raises APIError, or pydantic's ValidationError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # what any page may send without being asked (CORS) is of another type
        raise APIError(415, f"the body is {kind or 'of no type'!r}, it must be application/json", code="content_type")
    body = await request.body()

    def parsed() -> T:
        check_json(body, depth=settings.json_depth, values=settings.json_values)
        return schema.model_validate_json(body)

    return await asyncio.to_thread(parsed)
