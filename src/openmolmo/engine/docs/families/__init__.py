"""Templates: what a page of one kind looks like in one tool, without any language model."""
