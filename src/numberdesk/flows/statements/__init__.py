"""Use cases of statements.

Touches: nothing.
"""
