"""Charts in Matplotlib: the drawing functions (``draw.py``) and the families that choose form and style."""
