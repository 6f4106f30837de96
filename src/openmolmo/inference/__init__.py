"""Prompt and picture -> answer, points and all.

``load`` finds a model and makes a ``predictor`` of it; ``requests`` is what one asks, ``answer`` what
comes back; ``generate`` is the decoding loop over a left-padded ``batch``, with greedy choice or
``sampling``; ``draw`` shows points on the picture; ``commands`` are ask, caption, point and count.
"""
