"""Image file -> crop plan -> crops -> which patches become tokens."""
