"""The use cases: one story per file, composed from the features.

Touches: nothing.
"""
