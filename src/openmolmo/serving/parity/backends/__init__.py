"""What can be compared: models of the library, servers, and peers in a Python of their own.

``base`` says what they have in common, ``address`` reads their names, ``find`` opens them.
"""
