"""The HTTP door: decode, authenticate, answer.

Touches: nothing.
"""
