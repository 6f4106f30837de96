"""Vision encoder, connector and language model composed into Molmo; checkpoints."""
