"""Clocks and watches of many bodies and faces, drawn by a program, with the time as the answer.

A face is made in five steps, each in its own module: a body family (``watches``,
``standing_clocks``, ``digital_bodies``) carries a dial (``look``, ``dial``) with hands
(``hands``) or a display (``displays``); ``photograph`` poses it over a background
(``backgrounds``) and adds light and faults; ``generator`` asks the question.

    from openmolmo.core.rng import derive
    from openmolmo.engine.synth.clocks.generator import GENERATOR
    example = GENERATOR.make(derive(0, "demo"), 0, size=256, split="train")
    example.facts["clock"]["hour"], example.annotations[0].answers

Seconds are part of the answer only where a central second hand or digits show them; the small
registers of chronographs are decoration. ``facts["clock"]["hour"]`` is 1-12 on every clock.
"""
