"""Programs that draw pictures and know everything about them."""
