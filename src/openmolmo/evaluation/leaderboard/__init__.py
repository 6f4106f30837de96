"""A leaderboard from result files, with the paper's numbers beside.

board.py            models, tasks, scores and what makes them less comparable   (start here)
page.py             the page
commands.py         ``openmolmo eval leaderboard``
"""
