"""Ground floor: errors, configuration base, random streams, registry, files, progress, run log.

Nothing here imports torch, and nothing here imports another room.
"""
