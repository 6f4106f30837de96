"""Caption F1 with a text-only judge: statements of a caption, and of people's transcripts, checked against each other.

prompts.py          the three calls in our words, and how the list of statements is read back
asking.py           a judge: its name, its cache, labels read strictly (asked again) or as the authors' script does
judges.py           a judge by the words that people type
scene_judge.py      a deterministic judge that reads scenes' captions: for tests, without a network
reference.py        transcripts and reference statements out of a data set
caption_file.py     the captions to judge
protocol.py         one caption judged, and all of them   (start here)
scores.py           recall, precision, both ways of F1, intervals, by length hint
correlation.py      caption F1 beside the average of the eleven, over models
correlation_page.py its plot
report.py           the result file and the page
commands.py         ``openmolmo eval captions judge | correlate``
"""
