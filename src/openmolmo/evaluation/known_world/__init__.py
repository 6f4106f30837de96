"""What pictures a model knows: fitted on held-out ones of its kind, and how often strange ones are told from them."""
