"""Finished work goes out: as our records with the recordings beside them, with PixMo's columns, for other programs.

``finished`` reads the work out of the database, ``examples`` turns it into records with provenance, ``staging`` makes
a folder whole or absent; ``records``, ``pixmo``, ``label_studio``, ``coco`` and ``votes`` write one form each.
"""
