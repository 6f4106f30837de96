"""Tools that draw a program and say where everything in the picture is. One file is one tool."""
