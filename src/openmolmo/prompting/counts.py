"""Where these names were before :mod:`openmolmo.words.counts`; kept for programs that import them from here."""

from openmolmo.words.counts import is_nothing_there, read_count

__all__ = ["is_nothing_there", "read_count"]
