"""Scaling in miniature: loss against size, pictures and crops, a power law, and how far it may be trusted."""
