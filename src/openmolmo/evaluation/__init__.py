"""How good is a model, and is it looking? Tasks, metrics, controls and reports.

``tasks`` pick questions out of examples and score replies with ``metrics`` (no torch); ``controls``
are the most frequent answer and the model with shuffled images; ``runner`` asks everything and gives
``results``; ``report`` writes them as JSON, table and page; ``session`` goes from names to results. ``benchmarks``
are published sets with their protocols, ``suite`` judges any model on them.
"""
