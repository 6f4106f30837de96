"""Scripts that another Python runs, which has a peer's packages and perhaps not ours: they import nothing of this one.

Each reads a job (a JSON file, named by its argument) and writes a line of JSON to standard output when it is ready and
one a reply; whatever libraries print goes to standard error.
"""
