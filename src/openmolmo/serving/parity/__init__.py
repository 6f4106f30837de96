"""The gate between backends: the same requests to two of them, and do they say and point the same?

    openmolmo parity nano "nano?dtype=bfloat16" --out report.html

``asked`` makes the requests, ``backends`` answer them, ``compare`` judges each pair, ``report`` tells people and
programs. Distances of points are those of the pointing benchmark (:mod:`openmolmo.evaluation.metrics.pointing`).
"""
