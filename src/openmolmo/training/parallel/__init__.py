"""Training by several processes: what each holds, what they tell each other, and how they save together.

A model knows nothing of it: everything here is applied to a finished one from outside.
"""
