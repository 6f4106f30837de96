"""Prompt + image -> answer, points and all."""
