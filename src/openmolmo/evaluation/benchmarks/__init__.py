"""The benchmarks that published numbers are of: what is asked, how it is scored, what the paper's models scored.

``base`` says what a benchmark is, ``asking`` and ``scoring`` hold what several share; every other file is one of
them. ``openmolmo eval suite`` judges on them (:mod:`openmolmo.evaluation.suite`).
"""
