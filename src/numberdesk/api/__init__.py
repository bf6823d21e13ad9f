"""The HTTP entry point: decode, authenticate, answer.

Touches: nothing.
"""
