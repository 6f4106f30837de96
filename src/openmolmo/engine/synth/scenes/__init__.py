"""Scenes: drawn objects on varied backgrounds, with everything that can be said about them.

    choose objects -> place -> paint -> scene graph -> caption, transcript, points, counts, questions

:mod:`.generator` has ``GENERATOR``, which makes examples, and ``EASY``, which makes those a new model learns to
see with: one or two large plain objects. :mod:`.statements` judges captions against the scene graph. Nothing is
imported here, for the words of the scenes are needed where nothing can be drawn.
"""
