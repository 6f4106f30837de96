"""Makes PixMo-style data; needs no GPU and no torch."""
