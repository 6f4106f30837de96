"""A driver reads the writing in pixels; drivers come in by the entry-point group ``openmolmo.ocr_drivers``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import sha256_bytes, write_json
from openmolmo.core.registry import Registry
from openmolmo.engine.ocr.lines import Line, Reading, in_rows
from openmolmo.pictures import ImageSource, open_image

__all__ = ["OCR_DRIVERS", "OCRDriver", "build_ocr", "read_text"]


class OCRDriver(Protocol):
    """What a driver offers. It is a frozen dataclass of its options, whose ``repr`` tells readings apart."""

    @property
    def engine(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def version(self) -> str: ...

    def lines(self, pixels: NDArray[np.uint8]) -> Sequence[Line]:
        """The writing in (height, width, 3) RGB, in any order; none is an empty list."""
        ...


OCR_DRIVERS: Registry[Callable[..., OCRDriver]] = Registry("ocr_driver")
"""Classes (or functions) that take a driver's options and give the driver."""


def build_ocr(name: str, **options: object) -> OCRDriver:
    """The driver called ``name``; an option that it does not have raises :class:`ConfigError`."""
    make = OCR_DRIVERS.get(name)
    try:
        return make(**options)
    except TypeError as error:
        raise ConfigError(f"the OCR driver {name!r} cannot be made: {error}", fix="check its options") from error


def read_text(picture: ImageSource, driver: str | OCRDriver = "rapidocr", *, cache: Path | None = None) -> Reading:
    """The writing in a picture. With a folder ``cache`` the same pixels are read once for each driver and option."""
    engine = build_ocr(driver) if isinstance(driver, str) else driver
    pixels = open_image(picture)
    digest = sha256_bytes(f"{pixels.shape}".encode() + pixels.tobytes())
    if cache is None:
        return _read(engine, pixels, digest)
    key = sha256_bytes(f"{digest} {engine!r} {engine.engine} {engine.model} {engine.version}".encode())
    file = cache / key[:2] / f"{key}.json"
    if (known := _known(file)) is not None:
        return known
    reading = _read(engine, pixels, digest)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, reading.to_dict())
    return reading


def _read(engine: OCRDriver, pixels: NDArray[np.uint8], digest: str) -> Reading:
    lines = engine.lines(pixels)
    return Reading(
        lines=tuple(line for row in in_rows(lines) for line in row),
        engine=engine.engine,
        model=engine.model,
        version=engine.version,
        picture_sha256=digest,
    )


def _known(file: Path) -> Reading | None:
    """What was read before; a file that is damaged counts as none, and is written again."""
    try:
        return Reading.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, DataError):
        return None
