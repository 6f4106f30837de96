"""The loop, loss, optimiser, schedule and checkpoints of a run.

    openmolmo train nano_caption steps=300 --out runs/try

A recipe is a function without arguments that returns a :class:`~openmolmo.training.config.RunConfig`;
:func:`openmolmo.training.loop.run` is what happens then.
"""
