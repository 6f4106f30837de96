"""Many replies at once, each joining and leaving the batch when it likes.

``engine`` decides what is done next; ``slots`` keeps the keys and values, ``rows`` runs the model over them,
``own_rows`` does for models that cannot share; ``features`` remembers pictures, ``reading`` opens them in other
threads or processes; ``choosing`` picks the tokens. Nothing here knows of HTTP or of an event loop.
"""
