"""Use cases of servers that ask where calls go.

Touches: nothing.
"""
