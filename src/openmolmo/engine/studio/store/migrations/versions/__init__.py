"""Revisions in order: ``first`` (0001)."""
