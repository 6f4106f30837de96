"""Simple documents with large letters: price lists, tables, bar charts, forms and signs, with all that is true of them.

Drawn in a few milliseconds, so that a model can be taught by them while it trains. Pages as people print them are
those of :mod:`openmolmo.engine.docs`.
"""
