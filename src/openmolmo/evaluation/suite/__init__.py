"""A model judged on benchmarks: ``openmolmo eval suite academic11 --model ...``.

``questions`` reads the rows of the chosen benchmarks into questions, without their pictures; ``jobs`` adds the control
with shuffled pictures; ``models`` are what answers: ours, a server or a file; ``asking`` prepares pictures in workers
and asks; ``journal`` keeps every answer on the disk, so that a killed run goes on; ``judging`` scores; ``report``,
``page`` and ``submissions`` write what is found. ``run`` is all of it in order.
"""
