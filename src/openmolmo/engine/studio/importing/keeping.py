"""A picture is opened, and stored once under the hash of its bytes: DIR/pictures/ab/abcd....jpg."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from openmolmo.core.errors import ImageError
from openmolmo.core.files import atomic_file, sha256_bytes
from openmolmo.engine.studio.importing.found import Found, Refused, shown_text
from openmolmo.engine.studio.store.tables import Picture
from openmolmo.pictures import FORMATS, verify
from openmolmo.records.quality_hash import LookAlikes, Signature, signature

__all__ = ["Keeper"]

_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
}
"""What browsers show, by Pillow's name of the format."""

_MAKER = "records.quality_hash"


class Keeper:
    """Takes pictures into one project; knows those that are there, so that nothing comes in twice.

    ``near``: pictures alike but for so many of 128 bits are one; None keeps all that differ in a byte.
    """

    def __init__(self, session: Session, directory: Path, project_id: int, *, near: int | None) -> None:
        self.directory, self.project_id = directory, project_id
        rows = session.scalars(select(Picture).where(Picture.project_id == project_id).order_by(Picture.id)).all()
        self._known = {row.sha256 for row in rows}
        self._alike = None if near is None else LookAlikes(near)
        for row in rows:
            if self._alike is not None and row.hidden_reason is None and (seen := _seen(row)) is not None:
                self._alike.add(seen, row.source)

    def knows(self, digest: str) -> bool:
        """Whether a picture is in the project, by its hash."""
        return digest in self._known

    def keep(self, found: Found, *, licence: str, split: str, now: float) -> Picture | Refused:
        """Write the file of a picture that is not known yet, and make its row, which the caller adds.

        A picture that looks like another has a row that says so, and is not given out.
        """
        try:
            facts = verify(found.data, name=found.name)
        except ImageError as error:
            return Refused(name=found.name, reason=f"cannot be read ({error.kind})", what=error.message)
        if facts.format not in _TYPES:
            return Refused(
                name=found.name,
                reason=f"is a format that browsers do not show ({facts.format})",
                what="convert it to PNG or JPEG",
            )
        digest = sha256_bytes(found.data)
        seen = signature(found.data)
        twin = None if self._alike is None else self._alike.find(seen)
        path = f"pictures/{digest[:2]}/{digest}{FORMATS[facts.format].ending}"
        _write(self.directory / path, found.data)
        row = Picture(
            project_id=self.project_id,
            sha256=digest,
            path=path,
            media_type=_TYPES[facts.format],
            width=facts.width,
            height=facts.height,
            source=shown_text(found.name),
            licence=shown_text(found.licence or licence)[:80],
            alt=shown_text(found.alt),
            topic=shown_text(found.topic)[:120],
            split=found.split or split,
            phash=f"{seen.bits:032x}",
            hidden_reason=None if twin is None else f"looks like {shown_text(twin)}",
            facts={
                "mean_colour": {"maker": _MAKER, "rgb": [round(value, 2) for value in seen.colour]},
                **({"origin": {"maker": "import", "image": found.origin}} if found.origin else {}),
            },
            created_at=now,
        )
        self._known.add(digest)
        if self._alike is not None and twin is None:
            self._alike.add(seen, found.name)
        return row


def _seen(row: Picture) -> Signature | None:
    """The signature of a stored picture; none of a row that another program wrote without it."""
    colour = (row.facts.get("mean_colour") or {}).get("rgb")
    if not row.phash or not colour:
        return None
    red, green, blue = colour
    return Signature(int(row.phash, 16), (red, green, blue))


def _write(path: Path, data: bytes) -> None:
    if path.is_file() and path.stat().st_size == len(data):
        return
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)
