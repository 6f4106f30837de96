"""Points teach more than words: where to look, and where each image token is.

Text alone teaches a small language model these slowly. The bundled one had been asked for points two hundred thousand
times, and no head of it looked at what it pointed at; nor could the place of a token of a high-resolution crop be read
off it (R2 .6 across, what its place in its own crop says), for nothing but its position in the row says which crop it
is of (docs/log.md). All labels come from the points that are in the data, and from how a picture is cut.

Source: supervised attention (arXiv 1609.04186), here between words and image tokens.
"""
