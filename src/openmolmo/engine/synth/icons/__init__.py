"""Icons: hundreds of everyday things on tables, shelves, streets and in rooms, and all that can be said of them.

    choose kinds -> stage -> place -> paint -> scene -> caption, transcript, points, counts, questions

:mod:`.generator` has ``GENERATOR``. :mod:`.statements` judges captions against the facts. The things, their words
and their drawings are in :mod:`.sprites`.
"""
