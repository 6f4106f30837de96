"""One file a driver; see :mod:`openmolmo.engine.speech.driver` for how they are found."""
