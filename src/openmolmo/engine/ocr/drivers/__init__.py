"""One file a driver; see :mod:`openmolmo.engine.ocr.driver` for how they are found."""
