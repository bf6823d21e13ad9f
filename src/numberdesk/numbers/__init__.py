"""Numbers through their life, and the rentals of them.

Touches: nothing.
"""
