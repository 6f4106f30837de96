"""Diagrams in dot."""
