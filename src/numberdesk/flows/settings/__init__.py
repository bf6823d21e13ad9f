"""Emergency addresses and caller names of numbers.

Touches: nothing.
"""
