"""Example -> prompt and reply text -> token ids, branches, loss weights."""
