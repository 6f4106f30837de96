"""What answers the questions of a suite: a model of ours, a server, or a file of replies.

``base`` says what they have in common, ``find`` reads ``--model``.
"""
