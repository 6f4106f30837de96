"""Ablations in miniature: one thing of a recipe is changed, a few seeds are trained, and an interval decides."""
