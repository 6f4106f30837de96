"""The paper's ablations in miniature, a file for each of its tables, and two that it tells in words."""
