"""Human preference: votes between two anonymous answers, and the ratings that explain them best.

vote_rows.py        vote files as they stand, and what their fields are called
votes.py            who beat whom, ties, categories, and what is left out
solve.py            greatest likelihood by Newton's method, with or without the answers' lengths
bradley_terry.py    ratings with bootstrap and sandwich intervals   (start here)
matrix.py           who met whom, and what share each won
schedule.py         which two models to show next
study.py            a whole study: all of these, by category, at equal length
report.py           its page
commands.py         ``openmolmo arena fit | report | schedule``
"""
