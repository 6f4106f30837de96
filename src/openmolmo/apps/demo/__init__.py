"""``openmolmo demo``: the whole way once, in minutes, ending in one page to read.

``run`` tells the story in five steps: ``data`` makes pictures, ``training`` trains a small model from
scratch, the evaluation judges it and a finished model on the same held-out pictures, ``pictures`` asks
about three, and ``report`` (with ``curves`` and ``scores``) writes the page. ``folder`` keeps what is a
user's own from harm.
"""
