"""Where these names were before :mod:`openmolmo.words.counts`; kept for programs that import them from here."""

from openmolmo.words.counts import NUMBER_WORDS, is_nothing_there, read_count

__all__ = ["NUMBER_WORDS", "is_nothing_there", "read_count"]
