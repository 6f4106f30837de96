"""What is asked and answered, as plain words: no torch, no pictures opened.

``points`` and ``counts`` write and read points and totals; ``templates`` holds our wordings; ``requests`` is
what is asked of a model, ``answer`` what it answered, ``reply`` the text of a reply while its tokens come,
``choosing`` how these are chosen.
"""
