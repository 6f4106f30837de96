"""Whole runs as Python functions, reached by name."""
