"""Is the difference between two models real? Result files compared question by question.

result_file.py      reading result files of ``openmolmo eval``, and JSON lines with scores
bootstrap.py        draws of whole pictures
settings.py         what differs in how two files were made
paired.py           difference, interval, McNemar, groups and changed questions   (start here)
power.py            the smallest difference that so many questions can show
commands.py         ``openmolmo eval compare`` and ``openmolmo eval power``
"""
