"""Papers and tables in typst."""
