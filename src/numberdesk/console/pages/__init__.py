"""The pages, by subject.

Touches: nothing.
"""
