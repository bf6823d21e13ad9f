"""Simulated months: numbers that are rented, called and connected, with a judge that reckons for itself.

Touches: nothing.
"""
