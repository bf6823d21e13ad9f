"""Use cases for rate decks.

Touches: nothing.
"""
