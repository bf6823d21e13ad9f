"""Connections: set up, given to rentals, and told to carriers until they have them.

Touches: nothing.
"""
