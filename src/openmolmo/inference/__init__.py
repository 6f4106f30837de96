"""Prompt and picture -> answer, points and all.

``load`` finds a model and makes a ``predictor`` of it; ``requests`` is what one asks, ``answer`` what
comes back. ``prompts`` makes a request's tokens; ``decoding`` continues a left-padded ``batch`` of them
from its ``cache``, and ``generate`` chooses tokens, greedily or by ``sampling``, until a ``reply`` ends.
``stream`` gives a reply piece by piece, ``conversation`` keeps what was read for the next question.
``draw`` shows points on the picture. ``commands`` are ask, caption, point, count and answer; ``jobs``
answers a file of requests into a file of answers, ``at_scale`` any number into a folder.
``library`` is the coat for the library's own tools.
"""
