"""Human preference: votes between two anonymous answers, and the ratings that explain them best.

votes.py            vote files: who beat whom, ties, and what is left out
bradley_terry.py    ratings by maximum likelihood, with bootstrap and sandwich intervals   (start here)
commands.py         ``openmolmo arena fit``
"""
