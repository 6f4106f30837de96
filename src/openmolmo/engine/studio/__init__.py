"""The studio: people speak captions, ask and correct, click points, check and vote; every datum has a receipt.

Floors, lowest first: ``store`` (tables and database), ``queue``, ``events``, ``jobs``; ``tasks`` (one file an
annotation mode); ``exporting`` and ``importing``; ``app`` (the web pages); ``commands``. Process of each set:
arXiv 2409.17146, section 2. No torch.
"""
