"""Annotation modes: one file each, registered in the entry-point group ``openmolmo.studio_modes``."""
