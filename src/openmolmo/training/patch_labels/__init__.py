"""Teaching an image encoder alone, patch by patch, before any language model sees through it."""
