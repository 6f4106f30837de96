"""Pages of the toy mode: what a mode of another package brings along."""
