"""Scenes: drawn objects on varied backgrounds, with everything that can be said about them.

    choose objects -> place -> paint -> scene graph -> caption, transcript, points, counts, questions

``GENERATOR`` makes examples; :mod:`.statements` judges captions against the scene graph.
"""

from openmolmo.engine.synth.scenes.generator import SceneGenerator

__all__ = ["GENERATOR"]

GENERATOR = SceneGenerator()
