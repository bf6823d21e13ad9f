"""Calls: what sources told of them, and by which terms they are charged.

Touches: nothing.
"""
