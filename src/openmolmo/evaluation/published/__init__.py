"""Published numbers, as tables in the package, each row with its source.

tables.py           typed rows: Table 1, the ablations, skills, the mixture   (start here)
commands.py         ``openmolmo eval published``
"""
