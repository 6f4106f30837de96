"""A folder of a remote store, by any address that fsspec knows: ``s3://bucket/pictures``, ``gs://...``, ``memory://``.

Addresses of the web are none of these: they go through the downloader, with its rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.optional import require
from openmolmo.engine.studio.importing.found import Found, Refused
from openmolmo.pictures import FORMATS

__all__ = ["remote_pictures"]

_ENDINGS = {".jpeg", *(one.ending for one in FORMATS.values())}
_WEB = ("http", "https", "ftp", "webhdfs")


def remote_pictures(address: str, *, max_bytes: int) -> Iterator[Found | Refused]:
    """The pictures below an address, known by their endings, in order of their names; folders are topics."""
    fsspec = require("fsspec", extra="studio")
    scheme = address.partition("://")[0]
    # A chain (zip://*::http://...) reaches what its last link names.
    if any(part.partition("://")[0].lower() in _WEB for part in address.split("::")):
        raise ConfigError(
            f"{address} is an address of the web, not of a store",
            fix="put the addresses of pictures into a .txt file, one a line, and import that",
        )
    try:
        store, root = fsspec.core.url_to_fs(address)
        listed = store.find(root, detail=True)
    except (ValueError, ImportError, OSError) as error:
        raise DataError(f"{address} cannot be listed: {error}", fix="check the address and the credentials") from error
    names = sorted(name for name in listed if PurePosixPath(name).suffix.lower() in _ENDINGS)
    if not names:
        raise DataError(f"{address} holds no picture", fix="name a folder of JPEG, PNG or WebP files")
    for name in names:
        inside = PurePosixPath(name).relative_to(root) if name != root else PurePosixPath(PurePosixPath(name).name)
        topic = inside.parts[0] if len(inside.parts) > 1 else ""
        size = listed[name].get("size") or 0
        if size > max_bytes:
            yield Refused(name=str(inside), reason="is too large", what=f"{size} bytes, the limit is {max_bytes}")
            continue
        try:
            data = store.cat_file(name)
        except OSError as error:
            yield Refused(name=str(inside), reason="cannot be read (missing)", what=str(error))
            continue
        yield Found(name=f"{scheme}://{name.lstrip('/')}", data=data, topic=topic)
