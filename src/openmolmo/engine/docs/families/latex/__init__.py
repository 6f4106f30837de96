"""Tables, papers and drawings in LaTeX."""
