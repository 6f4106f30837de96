"""One metric a file: plain functions of plain values, no torch, no files, no model."""
