"""Selling a number: orders opened, placed at carriers, settled, resolved by a person.

Touches: nothing.
"""
