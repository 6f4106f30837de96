"""Pictures come in: from a folder, addresses, a data set or a remote store, and become tasks in a chosen order.

``sources/`` finds pictures (one file a kind of source), ``keeping`` opens and stores them once, ``order`` says which
comes first, ``tasks`` makes the tasks, ``taking_in`` is the way through all of it. ``votes`` pairs answers of models,
``gold_file`` reads tasks with known answers, ``beginning`` lays out a new studio.
"""
