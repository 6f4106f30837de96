"""PNG files without what Pillow may stumble over: texts, profiles and other chunks that no pixel needs.

Programs that make pictures write whole workflows into text chunks, and Pillow refuses a picture whose text
is too long, or whose text has a wrong checksum. What is left here decides about pixels.
"""

from __future__ import annotations

import struct

__all__ = ["without_metadata"]

_SIGNATURE = 8
_KEPT = (b"tRNS", b"eXIf")  # beside the critical ones, whose names begin with a capital


def without_metadata(data: bytes) -> bytes | None:
    """The same PNG with its critical chunks, transparency and orientation only; None if it has nothing else.

    What breaks off stays broken off.
    """
    kept, place = [data[:_SIGNATURE]], _SIGNATURE
    dropped = False
    while place + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        name = data[place + 4 : place + 8]
        end = place + 12 + length
        if name[:1].isupper() or name in _KEPT:
            kept.append(data[place:end])
        else:
            dropped = True
        place = end
        if name == b"IEND":
            break
    return b"".join(kept) if dropped else None
