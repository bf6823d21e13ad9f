"""Use cases of calls and of what is owed for them.

Touches: nothing.
"""
