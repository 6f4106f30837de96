"""Sources, mixtures, packing and the resumable loader."""
