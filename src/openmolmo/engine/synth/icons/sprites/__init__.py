"""The sprites: ``things.txt`` lists them, :mod:`.make` turns drawings into ``atlas-*.webp`` and ``things.json``.

The drawings are Fluent Emoji, flat style (MIT; ``LICENSE.txt``). People, faces, flags, signs and pictures that are
hard to name were left out, and of look-alikes one was chosen.
"""
