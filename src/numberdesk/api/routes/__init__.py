"""The endpoints, by resource.

Touches: nothing.
"""
