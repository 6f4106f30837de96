"""Answers that a text-only language model drafts from words about a picture, and a person accepts, mends or rejects.

    looking.py      what is known of a picture: its writing and a caption, each with its origin
    captioners.py   the seam for captions of a model of one's own
    turns.py        the turns between a person and the drafts, all of them kept
    drafting.py     the job that drafts
    functions.py    what drafts where no language model is named
    live.py         answers of two or more models, asked now, to vote on

No picture is ever sent to the language model that drafts: ``engine.llm`` refuses it.
"""
