"""Migrations of the studio's database, one file a revision in ``versions``; ``env.py`` is run by Alembic."""
