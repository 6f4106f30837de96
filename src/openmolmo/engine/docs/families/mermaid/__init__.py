"""Diagrams in Mermaid."""
