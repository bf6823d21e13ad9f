"""Rented numbers: labelled and released.

Touches: nothing.
"""
