"""Where these names were before :mod:`openmolmo.words.answer`; kept for programs that import them from here."""

from openmolmo.words.answer import Answer, FoundPoint, read_answer

__all__ = ["Answer", "FoundPoint", "read_answer"]
