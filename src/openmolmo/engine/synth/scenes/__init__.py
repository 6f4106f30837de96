"""Scenes: drawn objects on varied backgrounds, with everything that can be said about them.

    choose objects -> place -> paint -> scene graph -> caption, transcript, points, counts, questions

``GENERATOR`` makes examples, ``EASY`` those a new model learns to see with: one or two large plain
objects. :mod:`.statements` judges captions against the scene graph.
"""

from openmolmo.engine.synth.scenes.generator import SceneGenerator

__all__ = ["EASY", "GENERATOR"]

GENERATOR = SceneGenerator()
EASY = SceneGenerator("easy_scenes", most=2)
EASY.__doc__ = (
    "Scenes of one or two plain objects, medium or large, on calm backgrounds: what a new model learns to see with."
)
