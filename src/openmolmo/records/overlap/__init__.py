"""Is what a model is judged on among what it was trained on? By pictures and by words, with a report.

items.py            data sets and folders of pictures as a stream of pictures and texts
pictures.py         the same file, the same address, or pictures that look alike
texts.py            runs of words that both sides have
search.py           one pass over each side   (start here)
report.py           what was found, as JSON values
page.py             the page with the cases side by side
command.py          ``openmolmo data overlap``
"""
